"""The outbox: what must be told to the world, written in the transaction that made it true.

Delivery is at least once and in order for each sink; ``dedupe_key`` names the fact, so the same one is
queued once whatever crashes in between, and receivers may use it the same way. What cannot be delivered for a
day is given up (*dead*), stays readable, and can be asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.errors import NotFoundError
from tidegate.registry.instants import from_optional, from_text, to_text
from tidegate.registry.schema import outbox

MessageStanding = Literal["waiting", "sent", "dead"]


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one sink.

    Attributes:
        attempts: how often its delivery was tried.
        error: of the latest attempt, "" while none failed.
        dead_at: when it was given up.
    """

    id: int
    sink: str
    event: str
    payload: dict[str, Any]
    dedupe_key: str
    created_at: datetime
    attempts: int
    sent_at: datetime | None = None
    error: str = ""
    dead_at: datetime | None = None

    @property
    def standing(self) -> MessageStanding:
        """What became of it."""
        if self.sent_at is not None:
            return "sent"
        return "waiting" if self.dead_at is None else "dead"


async def put(
    connection: AsyncConnection,
    *,
    sinks: Sequence[str],
    event: str,
    payload: Mapping[str, Any],
    dedupe_key: str,
    now: datetime,
) -> None:
    """Queue ``event`` for each sink; a fact queued before is left as it is."""
    body = msgspec.json.encode(payload).decode()
    for sink in sinks:
        key = f"{sink}:{dedupe_key}"
        known = await connection.scalar(sa.select(outbox.c.id).where(outbox.c.dedupe_key == key))
        if known is None:
            await connection.execute(
                sa.insert(outbox).values(
                    sink=sink, event=event, payload=body, dedupe_key=key, created_at=to_text(now), attempts=0, error=""
                )
            )


async def due(connection: AsyncConnection, sink: str, limit: int = 100) -> list[OutboxRow]:
    """Messages of ``sink`` that are neither sent nor given up, oldest first."""
    statement = sa.select(outbox).where(outbox.c.sink == sink, _WAITING).order_by(outbox.c.id).limit(limit)
    return [_row(row) for row in (await connection.execute(statement)).mappings()]


async def waiting_sinks(connection: AsyncConnection) -> set[str]:
    """Names of the sinks for which something waits."""
    return set((await connection.scalars(sa.select(outbox.c.sink).where(_WAITING).distinct())).all())


async def list_outbox(
    connection: AsyncConnection,
    *,
    sink: str | None = None,
    standing: MessageStanding | None = None,
    release: str | None = None,
    before: int | None = None,
    is_log_shown: bool = False,
    limit: int = 50,
) -> list[OutboxRow]:
    """Messages, newest first; ``before`` is the number of the last one seen.

    Args:
        release: only what tells of this release.
        is_log_shown: also the lines for the log, which repeat the audit log.
    """
    statement = sa.select(outbox).order_by(outbox.c.id.desc()).limit(limit)
    if sink is not None:
        statement = statement.where(outbox.c.sink == sink)
    elif not is_log_shown:
        statement = statement.where(outbox.c.sink != "log")
    if standing is not None:
        statement = statement.where(_STANDINGS[standing])
    if release is not None:
        statement = statement.where(outbox.c.payload.like(f'%"release":"{release}"%'))
    if before is not None:
        statement = statement.where(outbox.c.id < before)
    return [_row(row) for row in (await connection.execute(statement)).mappings()]


async def mark_sent(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> None:
    """These were delivered; they are never sent again."""
    values = {"sent_at": to_text(now), "attempts": outbox.c.attempts + 1, "error": ""}
    await connection.execute(sa.update(outbox).where(outbox.c.id.in_(ids)).values(values))


async def mark_failed(
    connection: AsyncConnection, identifier: int, error: str, dead_at: datetime | None = None
) -> None:
    """One attempt failed; the message stays queued, unless it is given up."""
    values = {
        "attempts": outbox.c.attempts + 1,
        "error": error,
        "dead_at": None if dead_at is None else to_text(dead_at),
    }
    await connection.execute(sa.update(outbox).where(outbox.c.id == identifier).values(values))


async def revive(connection: AsyncConnection, identifier: int) -> OutboxRow:
    """Queue a message that was given up once more.

    Raises:
        NotFoundError: no such message.
    """
    await connection.execute(sa.update(outbox).where(outbox.c.id == identifier, _DEAD).values(dead_at=None))
    row = (await connection.execute(sa.select(outbox).where(outbox.c.id == identifier))).mappings().first()
    if row is None:
        raise NotFoundError(f"there is no notification {identifier}", remedy="`tidegate notifications` lists them")
    return _row(row)


async def prune(connection: AsyncConnection, before: datetime, limit: int = 1000) -> int:
    """Forget up to ``limit`` messages sent or given up before ``before``; returns how many."""
    is_old = sa.or_(outbox.c.sent_at < to_text(before), outbox.c.dead_at < to_text(before))
    old = sa.select(outbox.c.id).where(is_old).order_by(outbox.c.id).limit(limit)
    return (await connection.execute(sa.delete(outbox).where(outbox.c.id.in_(old)))).rowcount


async def count_unsent(connection: AsyncConnection) -> dict[str, int]:
    """Messages that wait, by sink."""
    statement = sa.select(outbox.c.sink, sa.func.count()).where(_WAITING).group_by(outbox.c.sink)
    return {str(sink): int(count) for sink, count in await connection.execute(statement)}


_WAITING = sa.and_(outbox.c.sent_at.is_(None), outbox.c.dead_at.is_(None))
_DEAD = sa.and_(outbox.c.sent_at.is_(None), outbox.c.dead_at.is_not(None))
_STANDINGS = {"waiting": _WAITING, "sent": outbox.c.sent_at.is_not(None), "dead": _DEAD}


def _row(row: sa.RowMapping) -> OutboxRow:
    return OutboxRow(
        **{
            **row,
            "payload": msgspec.json.decode(row["payload"]),
            "created_at": from_text(row["created_at"]),
            "sent_at": from_optional(row["sent_at"]),
            "dead_at": from_optional(row["dead_at"]),
        }
    )
