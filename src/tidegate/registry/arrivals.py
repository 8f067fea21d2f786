"""When observations of each service were stored last, so that whoever decides knows it, whoever stored them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import arrivals


async def note_arrivals(connection: AsyncConnection, services: Collection[str], at: datetime) -> None:
    """Observations of ``services`` are being stored in this transaction."""
    known = set(await connection.scalars(sa.select(arrivals.c.service).where(arrivals.c.service.in_(services))))
    if known:
        await connection.execute(sa.update(arrivals).where(arrivals.c.service.in_(known)).values(stored_at=to_text(at)))
    fresh = [{"service": service, "stored_at": to_text(at)} for service in sorted(set(services) - known)]
    if fresh:
        await connection.execute(sa.insert(arrivals), fresh)


async def read_arrivals(connection: AsyncConnection) -> dict[str, datetime]:
    """By service; one that was never observed is absent."""
    found = await connection.execute(sa.select(arrivals.c.service, arrivals.c.stored_at))
    return {service: from_text(stored_at) for service, stored_at in found}
