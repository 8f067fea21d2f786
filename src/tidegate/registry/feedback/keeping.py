"""Verdicts as they come: stored beside what stands, which they change only once their request is known."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.records import FeedbackRecord
from tidegate.registry.feedback.stored import FeedbackStanding, StoredFeedback, pending_row, stored
from tidegate.registry.schema import feedback, feedback_once


async def keep_feedback(connection: AsyncConnection, records: Sequence[FeedbackRecord]) -> None:
    """Store verdicts as pending, of those that one sender says of one request under one name and source the latest."""
    for record in records:
        if record.once and not await _is_first(connection, record):
            continue
        waiting = await _waiting(connection, record) if record.request_id else None
        if waiting is None:
            await connection.execute(sa.insert(feedback).values(**pending_row(record)))
            continue
        latest = pending_row(record) if waiting.at_us <= record.at_us else {}
        since_us = min(waiting.since_us, record.at_us)
        await connection.execute(
            sa.update(feedback).where(feedback.c.id == waiting.id).values(**latest | {"since_us": since_us})
        )


async def pending(connection: AsyncConnection, *, received_after_us: int, limit: int) -> list[StoredFeedback]:
    """Verdicts received after an instant whose requests are not known yet, the earliest first."""
    statement = (
        sa.select(feedback)
        .where(feedback.c.standing == FeedbackStanding.PENDING, feedback.c.at_us > received_after_us)
        .order_by(feedback.c.at_us)
        .limit(limit)
    )
    return [stored(row) for row in await connection.execute(statement)]


async def give_up(connection: AsyncConnection, received_before_us: int, limit: int = 1_000) -> int:
    """Call verdicts unknown whose observation did not come; returns how many."""
    late = sa.select(feedback.c.id).where(
        feedback.c.standing == FeedbackStanding.PENDING, feedback.c.at_us <= received_before_us
    )
    statement = sa.update(feedback).where(feedback.c.id.in_(late.limit(limit)))
    return (await connection.execute(statement.values(standing=FeedbackStanding.UNKNOWN))).rowcount


async def forget_feedback(connection: AsyncConnection, before_us: int, chunk: int = 5_000) -> int:
    """Delete verdicts and idempotency keys from before an instant, at most ``chunk``; what they counted stays."""
    await connection.execute(sa.delete(feedback_once).where(feedback_once.c.at_us < before_us))
    old = sa.select(feedback.c.id).where(feedback.c.at_us < before_us).limit(chunk)
    return (await connection.execute(sa.delete(feedback).where(feedback.c.id.in_(old)))).rowcount


async def _is_first(connection: AsyncConnection, record: FeedbackRecord) -> bool:
    same = sa.and_(feedback_once.c.key == record.key, feedback_once.c.once == record.once)
    if await connection.scalar(sa.select(feedback_once.c.at_us).where(same)) is not None:
        return False
    await connection.execute(sa.insert(feedback_once).values(key=record.key, once=record.once, at_us=record.at_us))
    return True


async def _waiting(connection: AsyncConnection, record: FeedbackRecord) -> StoredFeedback | None:
    """What the same sender said of the same, and what still waits for its request."""
    statement = sa.select(feedback).where(
        feedback.c.request_id == record.request_id,
        feedback.c.name == record.name,
        feedback.c.source == record.source,
        feedback.c.key == record.key,
        feedback.c.standing == FeedbackStanding.PENDING,
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else stored(row)
