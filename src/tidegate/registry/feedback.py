"""What users and applications said about answers: one verdict for each request, name and source, the latest."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.records import FeedbackRecord
from tidegate.registry.hashes import to_signed
from tidegate.registry.schema import feedback, feedback_once

MICRO = 1_000_000
_NATURAL_KEY = ("request_id", "name", "source")
_UNATTRIBUTED = {
    "release": "",
    "attempt": 0,
    "step": 0,
    "variant": "",
    "version": "",
    "served": "",
    "served_version": "",
}


class Standing(StrEnum):
    """How far a verdict came."""

    PENDING = "pending"  # the observation of its request is not there yet
    COUNTED = "counted"  # it counts for the variant its request was assigned to
    UNCOUNTED = "uncounted"  # its request belongs to no release's comparison
    UNKNOWN = "unknown"  # no observation came in time, or the key does not cover the request's service


async def keep_feedback(connection: AsyncConnection, records: Sequence[FeedbackRecord]) -> None:
    """Store verdicts; a later one replaces the one of the same request, name and source."""
    for record in records:
        if record.once and not await _is_first(connection, record):
            continue
        row = _row(record)
        known = await _known(connection, record) if record.request_id else None
        if known is None:
            await connection.execute(sa.insert(feedback).values(**row))
        elif known["at_us"] <= record.at_us:
            await connection.execute(sa.update(feedback).where(feedback.c.id == known["id"]).values(**row))


async def _is_first(connection: AsyncConnection, record: FeedbackRecord) -> bool:
    same = sa.and_(feedback_once.c.key == record.key, feedback_once.c.once == record.once)
    if await connection.scalar(sa.select(feedback_once.c.at_us).where(same)) is not None:
        return False
    await connection.execute(sa.insert(feedback_once).values(key=record.key, once=record.once, at_us=record.at_us))
    return True


async def _known(connection: AsyncConnection, record: FeedbackRecord) -> sa.RowMapping | None:
    same = (feedback.c[name] == getattr(record, name) for name in _NATURAL_KEY)
    return (await connection.execute(sa.select(feedback.c.id, feedback.c.at_us).where(*same))).mappings().one_or_none()


def _row(record: FeedbackRecord) -> dict[str, object]:
    micro, category = _stored(record.value)
    return {
        "request_id": record.request_id,
        "name": record.name,
        "source": record.source,
        "at_us": record.at_us,
        "key": record.key,
        "services": msgspec.json.encode(record.services).decode(),
        "service": record.service,
        "unit_hash": to_signed(record.unit_hash),
        "micro": micro,
        "category": category,
        "comment": record.comment,
        "demonstration": record.demonstration,
        "standing": Standing.PENDING,
        **_UNATTRIBUTED,
    }


def _stored(value: bool | float | str | None) -> tuple[int | None, str | None]:
    if isinstance(value, bool):
        return (MICRO, "yes") if value else (0, "no")
    if value is None or isinstance(value, str):
        return None, value
    return round(value * MICRO), None
