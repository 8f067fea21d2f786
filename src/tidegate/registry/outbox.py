"""The outbox: what must be told to the world, written in the transaction that made it true.

Delivery is at least once and in order for each sink; ``dedupe_key`` names the fact, so the same one is
queued once whatever crashes in between, and receivers may use it the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import outbox


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one sink."""

    id: int
    sink: str
    event: str
    payload: dict[str, Any]
    dedupe_key: str
    created_at: datetime
    attempts: int


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
                    sink=sink, event=event, payload=body, dedupe_key=key, created_at=to_text(now), attempts=0
                )
            )


async def due(connection: AsyncConnection, sink: str, limit: int = 100) -> list[OutboxRow]:
    """Unsent messages of ``sink``, oldest first."""
    statement = (
        sa.select(outbox).where(outbox.c.sink == sink, outbox.c.sent_at.is_(None)).order_by(outbox.c.id).limit(limit)
    )
    return [
        OutboxRow(
            id=row["id"],
            sink=row["sink"],
            event=row["event"],
            payload=msgspec.json.decode(row["payload"]),
            dedupe_key=row["dedupe_key"],
            created_at=from_text(row["created_at"]),
            attempts=row["attempts"],
        )
        for row in (await connection.execute(statement)).mappings()
    ]


async def mark_sent(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> None:
    """These were delivered; they are never sent again."""
    await connection.execute(
        sa.update(outbox).where(outbox.c.id.in_(ids)).values(sent_at=to_text(now), attempts=outbox.c.attempts + 1)
    )


async def mark_failed(connection: AsyncConnection, identifier: int) -> None:
    """One attempt failed; the message stays queued."""
    await connection.execute(sa.update(outbox).where(outbox.c.id == identifier).values(attempts=outbox.c.attempts + 1))


async def prune(connection: AsyncConnection, before: datetime, limit: int = 1000) -> int:
    """Forget up to ``limit`` messages sent before ``before``; returns how many."""
    old = sa.select(outbox.c.id).where(outbox.c.sent_at < to_text(before)).order_by(outbox.c.id).limit(limit)
    return (await connection.execute(sa.delete(outbox).where(outbox.c.id.in_(old)))).rowcount


async def count_unsent(connection: AsyncConnection) -> dict[str, int]:
    """Messages that wait, by sink."""
    statement = sa.select(outbox.c.sink, sa.func.count()).where(outbox.c.sent_at.is_(None)).group_by(outbox.c.sink)
    return {str(sink): int(count) for sink, count in await connection.execute(statement)}
