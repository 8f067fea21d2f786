"""What was asked and answered, as far as policies keep it; and what must not be kept any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.pairs import copy_id
from tidegate.delivery.records import ContentRecord
from tidegate.registry.hashes import to_signed
from tidegate.registry.schema import content, erasures, feedback
from tidegate.wire.prompt_text import Turn

_SUBJECTS = (content.c.unit_hash, content.c.user_hash, content.c.conversation_hash)
_TURNS = msgspec.json.Decoder(tuple[Turn, ...])


class Kept(NamedTuple):
    """Prompt and answer of one request."""

    request_id: str
    service: str
    version: str
    prompt: tuple[Turn, ...]
    answer: str
    is_cut: bool
    is_redacted: bool
    expires_at_us: int


class ErasedTexts(NamedTuple):
    """How many of each were erased."""

    contents: int
    feedback_texts: int


async def keep_content(connection: AsyncConnection, records: Sequence[ContentRecord]) -> None:
    """Store each record unless its request is stored already or its subject was erased after it."""
    erased = await _erased(connection, {subject for record in records for subject in _subjects(record)})
    rows = {
        record.request_id: _row(record)
        for record in records
        if all(record.at_us > erased.get(subject, -1) for subject in _subjects(record))
    }
    known = await connection.scalars(sa.select(content.c.request_id).where(content.c.request_id.in_(list(rows))))
    for request_id in list(known):
        del rows[request_id]
    if rows:
        await connection.execute(sa.insert(content), list(rows.values()))


async def content_of(connection: AsyncConnection, request_id: str) -> Kept | None:
    """What is kept of one request."""
    row = (await connection.execute(sa.select(content).where(content.c.request_id == request_id))).one_or_none()
    return None if row is None else kept_of(row)


def kept_of(row: sa.Row[Any]) -> Kept:
    """A row of the table."""
    return Kept(
        row.request_id,
        row.service,
        row.version,
        _TURNS.decode(row.prompt),
        row.answer,
        row.is_cut,
        row.is_redacted,
        row.expires_at_us,
    )


async def erase_subject(connection: AsyncConnection, subject_hash: int, now_us: int) -> ErasedTexts:
    """Erase the texts of a unit, user or conversation, and what of them arrives later from before ``now_us``."""
    subject = to_signed(subject_hash)
    await connection.execute(sa.delete(erasures).where(erasures.c.subject_hash == subject))
    await connection.execute(sa.insert(erasures).values(subject_hash=subject, at_us=now_us))
    of_subject = sa.or_(*(column == subject for column in _SUBJECTS))
    requests = list(await connection.scalars(sa.select(content.c.request_id).where(of_subject)))
    gone = (await connection.execute(sa.delete(content).where(of_subject))).rowcount
    words = await _erase_words(connection, sa.or_(feedback.c.unit_hash == subject, feedback.c.request_id.in_(requests)))
    return ErasedTexts(gone, words)


async def erase_request(connection: AsyncConnection, request_id: str) -> ErasedTexts:
    """Erase the texts of one request, and of its copy if it was mirrored."""
    both = content.c.request_id.in_([request_id, copy_id(request_id)])
    gone = (await connection.execute(sa.delete(content).where(both))).rowcount
    return ErasedTexts(gone, await _erase_words(connection, feedback.c.request_id == request_id))


async def forget_content(connection: AsyncConnection, now_us: int, *, most_size: int, chunk: int = 500) -> int:
    """Delete at most ``chunk`` texts whose time is over, or with which all of them exceed ``most_size``; returns how
    many. Of those the ones that would be kept longest stay."""
    size = int(await connection.scalar(sa.select(sa.func.sum(content.c.size))) or 0)
    first = sa.select(content.c.id, content.c.size).order_by(content.c.expires_at_us).limit(chunk)
    if size <= most_size:
        first = first.where(content.c.expires_at_us <= now_us)
    gone, excess = [], size - most_size
    for row in await connection.execute(first):
        gone.append(row.id)
        excess -= row.size
        if size > most_size and excess <= 0:
            break
    await connection.execute(sa.delete(content).where(content.c.id.in_(gone)))
    return len(gone)


async def forget_erasures(connection: AsyncConnection, before_us: int) -> None:
    """Forget erasures so old that nothing from before them can still arrive."""
    await connection.execute(sa.delete(erasures).where(erasures.c.at_us < before_us))


async def overwrite_deleted(connection: AsyncConnection, *, is_wanted: bool = True) -> None:
    """Have SQLite overwrite in this connection what it deletes, instead of leaving it in free pages."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql(f"PRAGMA secure_delete={'ON' if is_wanted else 'OFF'}")


async def _erase_words(connection: AsyncConnection, where: sa.ColumnElement[bool]) -> int:
    has_words = sa.or_(feedback.c.comment != "", feedback.c.demonstration != "")
    statement = sa.update(feedback).where(where, has_words).values(comment="", demonstration="")
    return (await connection.execute(statement)).rowcount


async def _erased(connection: AsyncConnection, subjects: Iterable[int]) -> dict[int, int]:
    """Until when each of ``subjects`` was erased."""
    statement = sa.select(erasures).where(erasures.c.subject_hash.in_(list(subjects)))
    return {row.subject_hash: row.at_us for row in await connection.execute(statement)}


def _subjects(record: ContentRecord) -> set[int]:
    hashes = (record.unit_hash, record.user_hash, record.conversation_hash)
    return {to_signed(each) for each in hashes if each}


def _row(record: ContentRecord) -> dict[str, object]:
    prompt = msgspec.json.encode(record.prompt).decode()
    return {
        "request_id": record.request_id,
        "at_us": record.at_us,
        "service": record.service,
        "version": record.version,
        "prompt": prompt,
        "answer": record.answer,
        "is_cut": record.is_cut,
        "is_redacted": record.is_redacted,
        "expires_at_us": record.at_us + record.keep_seconds * 1_000_000,
        "size": len(prompt) + len(record.answer),
        "unit_hash": to_signed(record.unit_hash),
        "user_hash": to_signed(record.user_hash),
        "conversation_hash": to_signed(record.conversation_hash),
    }
