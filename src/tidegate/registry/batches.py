"""Which batches of gateways are stored, so that one that is sent twice counts once."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.registry.instants import to_text
from tidegate.registry.schema import batches


async def is_new(connection: AsyncConnection, boot_id: str, sequence: int, now: datetime) -> bool:
    """Whether the batch is seen for the first time; it is remembered in the same transaction."""
    key = sa.and_(batches.c.boot_id == boot_id, batches.c.sequence == sequence)
    if await connection.scalar(sa.select(batches.c.sequence).where(key)) is not None:
        return False
    await connection.execute(sa.insert(batches).values(boot_id=boot_id, sequence=sequence, stored_at=to_text(now)))
    return True
