"""The audit log: one row a change, each row bound to the one before by its hash.

    hash = sha256(canonical JSON of [seq, at, actor, action, subject, detail, previous])

A row is appended inside the transaction of the change it tells of, so neither exists without the other.
The sequence has no gaps: the writer holds the only write lock (SQLite), or the loser of two equal numbers
is repeated by :meth:`~tidegate.registry.database.Database.transact` (PostgreSQL). A chain cannot show that
its tail was cut off, which is why :func:`head` is exported.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec
import rfc8785
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.errors import InvalidInputError
from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import audit

GENESIS = "0" * 64  # ``previous`` of the first row
_PAGE = 1000


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change.

    Attributes:
        seq: 1, 2, 3, … without gaps.
        action: what was done, such as ``version.pushed``.
        subject: to which thing, such as a version's reference.
        detail: what else is worth keeping; never a secret.
        previous: hash of the row before.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous: str
    hash: str


class Head(msgspec.Struct, frozen=True):
    """Number and hash of the newest row; ``Head(0, GENESIS)`` of an empty log."""

    seq: int
    hash: str


class AuditCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What :func:`verify` found.

    Attributes:
        rows: how many rows stand.
        head: the newest row, as it stands.
        broken_seq: the first row that does not fit, or ``None`` when the chain is whole.
        reason: what is wrong with it, as a sentence.
    """

    rows: int
    head: Head
    broken_seq: int | None = None
    reason: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every row fits the one before."""
        return self.broken_seq is None


async def append(  # who did what to which thing, with what, when: read at every call as that sentence
    connection: AsyncConnection, actor: str, action: str, subject: str, detail: dict[str, Any], at: datetime
) -> Head:
    """Write the next row inside the caller's transaction and return the new head.

    Raises:
        InvalidInputError: ``detail`` is not JSON (a bug of the caller, stopped before it breaks the chain).
    """
    last = await head(connection)
    text = _canonical_text(detail)
    seq, when = last.seq + 1, to_text(at)
    digest = _hash([seq, when, actor, action, subject, text, last.hash])
    await connection.execute(
        sa.insert(audit).values(
            seq=seq, at=when, actor=actor, action=action, subject=subject, detail=text, previous=last.hash, hash=digest
        )
    )
    return Head(seq, digest)


async def head(connection: AsyncConnection) -> Head:
    """The newest row's number and hash, to be exported where nobody can rewrite it."""
    query = sa.select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return Head(row.seq, row.hash) if row else Head(0, GENESIS)


async def verify(connection: AsyncConnection, known: Head | None = None) -> AuditCheck:
    """Recompute the whole chain.

    Args:
        known: a head exported earlier; the log must still contain it, which shows a cut tail or a log
            written anew.
    """
    last = Head(0, GENESIS)
    async for row in _raw_rows(connection):
        reason = _fault(row, last, known)
        if reason:
            return AuditCheck(rows=last.seq, head=last, broken_seq=last.seq + 1, reason=reason)
        last = Head(row.seq, row.hash)
    if known is not None and known.seq > last.seq:
        reason = f"the log ends at row {last.seq}, though row {known.seq} was exported earlier"
        return AuditCheck(rows=last.seq, head=last, broken_seq=last.seq + 1, reason=reason)
    return AuditCheck(rows=last.seq, head=last)


async def list_audit(
    connection: AsyncConnection, *, subject: str | None = None, before: int | None = None, limit: int = 100
) -> list[AuditRow]:
    """Rows, newest first.

    Args:
        subject: only rows of this thing.
        before: only rows with a smaller number (the cursor of the next page).
    """
    query = sa.select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if subject is not None:
        query = query.where(audit.c.subject == subject)
    if before is not None:
        query = query.where(audit.c.seq < before)
    return [_decoded(row) for row in (await connection.execute(query)).all()]


async def _raw_rows(connection: AsyncConnection) -> AsyncIterator[sa.Row[Any]]:
    after = -(2**31)  # the least a column holds: rows before the first one are found too
    while True:
        query = sa.select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(_PAGE)
        rows = (await connection.execute(query)).all()
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        after = rows[-1].seq


def _fault(row: sa.Row[Any], last: Head, known: Head | None) -> str:
    if row.seq != last.seq + 1:
        return f"row {last.seq + 1} is missing, row {row.seq} stands in its place"
    if row.previous != last.hash:
        return f"row {row.seq} does not follow from the row before"
    if row.hash != _hash(list(row)[:-1]):
        return f"row {row.seq} was changed after it was written"
    if known is not None and known.seq == row.seq and known.hash != row.hash:
        return f"row {row.seq} is not the row that was exported earlier"
    return ""


def _hash(fields: list[Any]) -> str:
    """Of every column but the hash, in the order of the table."""
    return hashlib.sha256(rfc8785.dumps(fields)).hexdigest()


def _canonical_text(detail: dict[str, Any]) -> str:
    try:
        return rfc8785.dumps(msgspec.to_builtins(detail)).decode()
    except (rfc8785.CanonicalizationError, TypeError, ValueError) as error:
        raise InvalidInputError(f"an audit detail must be JSON: {error}") from error


def _decoded(row: sa.Row[Any]) -> AuditRow:
    return AuditRow(
        seq=row.seq,
        at=from_text(row.at),
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=msgspec.json.decode(row.detail, type=dict[str, Any]),
        previous=row.previous,
        hash=row.hash,
    )
