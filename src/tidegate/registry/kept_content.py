"""What was asked and answered, as far as policies keep it; and what must not be kept any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.records import ContentRecord
from tidegate.registry.hashes import to_signed
from tidegate.registry.schema import content, erasures


async def keep_content(connection: AsyncConnection, records: Sequence[ContentRecord]) -> None:
    """Store each record unless its request is stored already or its subject was erased after it."""
    erased = await _erased(connection, {subject for record in records for subject in _subjects(record)})
    rows = [
        _row(record)
        for record in records
        if all(record.at_us > erased.get(subject, -1) for subject in _subjects(record))
    ]
    known = await connection.scalars(
        sa.select(content.c.request_id).where(content.c.request_id.in_([row["request_id"] for row in rows]))
    )
    stored = set(known)
    fresh = {row["request_id"]: row for row in rows if row["request_id"] not in stored}
    if fresh:
        await connection.execute(sa.insert(content), list(fresh.values()))


async def _erased(connection: AsyncConnection, subjects: Iterable[int]) -> dict[int, int]:
    """Until when each of ``subjects`` was erased."""
    statement = sa.select(erasures).where(erasures.c.subject_hash.in_(list(subjects)))
    return {row.subject_hash: row.at_us for row in await connection.execute(statement)}


def _subjects(record: ContentRecord) -> set[int]:
    hashes = (record.unit_hash, record.user_hash, record.conversation_hash)
    return {to_signed(each) for each in hashes if each}


def _row(record: ContentRecord) -> dict[str, object]:
    return {
        "request_id": record.request_id,
        "at_us": record.at_us,
        "service": record.service,
        "version": record.version,
        "prompt": msgspec.json.encode(record.prompt).decode(),
        "answer": record.answer,
        "is_cut": record.is_cut,
        "is_redacted": record.is_redacted,
        "expires_at_us": record.at_us + record.keep_seconds * 1_000_000,
        "unit_hash": to_signed(record.unit_hash),
        "user_hash": to_signed(record.user_hash),
        "conversation_hash": to_signed(record.conversation_hash),
    }
