"""What the requests of each gateway process cost each key's budgets, in the days and months that run.

By process, because each tells control what it has spent before its observations are stored here: of every process
whichever knows more counts (:mod:`tidegate.delivery.limits.purse`). Counted in the transaction that stores the
observations, so it is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.limits.periods import day_of, month_of
from tidegate.delivery.observation import Observation
from tidegate.registry.schema import key_charges

_KEPT = timedelta(days=2)  # after the end of a period: batches that waited on disk may still come


class Place(NamedTuple):
    """A key's budget of a day (``2026-11-27``) or month (``2026-11``)."""

    key: str
    period: str


_COLUMNS = key_charges.c
_THIS = sa.and_(
    _COLUMNS.period == sa.bindparam("at_period"),
    _COLUMNS.key == sa.bindparam("at_key"),
    _COLUMNS.boot_id == sa.bindparam("at_boot"),
)
_GROW = sa.update(key_charges).where(_THIS).values(nano_usd=_COLUMNS.nano_usd + sa.bindparam("more"))


def charges_of(rows: Iterable[Observation]) -> dict[Place, int]:
    """Nano-USD by key and the day and month each request began; of nobody's requests nothing."""
    found: dict[Place, int] = {}
    for row in rows:
        charged = row.charged_nano_usd
        if row.key and charged > 0:
            for period in (day_of(row.started_at_us), month_of(row.started_at_us)):
                place = Place(row.key, period.name)
                found[place] = found.get(place, 0) + charged
    return found


async def add_charges(connection: AsyncConnection, boot_id: str, added: Mapping[Place, int]) -> None:
    """Add to what the process was charged for."""
    if not added:
        return
    known = await _known(connection, boot_id, added)
    grown = [
        {"at_period": place.period, "at_key": place.key, "at_boot": boot_id, "more": added[place]} for place in known
    ]
    fresh = [
        {"period": place.period, "key": place.key, "boot_id": boot_id, "nano_usd": amount}
        for place, amount in added.items()
        if place not in known
    ]
    if grown:
        await connection.execute(_GROW, grown)
    if fresh:
        await connection.execute(sa.insert(key_charges), fresh)


async def read_charges(connection: AsyncConnection, periods: Iterable[str]) -> dict[Place, dict[str, int]]:
    """Nano-USD by boot id, of every key in these days and months."""
    statement = sa.select(_COLUMNS.key, _COLUMNS.period, _COLUMNS.boot_id, _COLUMNS.nano_usd)
    found: dict[Place, dict[str, int]] = {}
    for key, period, boot_id, amount in await connection.execute(statement.where(_COLUMNS.period.in_(list(periods)))):
        found.setdefault(Place(key, period), {})[boot_id] = amount
    return found


async def forget_charges(connection: AsyncConnection, now: datetime) -> None:
    """Those of periods that are over go; :mod:`tidegate.registry.key_spending` keeps what each day came to."""
    oldest = now - _KEPT
    days_and_months = sa.func.length(_COLUMNS.period)
    over = sa.or_(
        sa.and_(days_and_months == 10, _COLUMNS.period < f"{oldest:%Y-%m-%d}"),
        sa.and_(days_and_months == 7, _COLUMNS.period < f"{oldest:%Y-%m}"),
    )
    await connection.execute(sa.delete(key_charges).where(over))


async def _known(connection: AsyncConnection, boot_id: str, places: Iterable[Place]) -> list[Place]:
    """Those with a row: periods and keys are asked for apart, so that the primary key can answer."""
    wanted = set(places)
    around = sa.and_(
        _COLUMNS.period.in_({place.period for place in wanted}),
        _COLUMNS.key.in_({place.key for place in wanted}),
        _COLUMNS.boot_id == boot_id,
    )
    found = await connection.execute(sa.select(_COLUMNS.key, _COLUMNS.period).where(around))
    return [place for place in (Place(*row) for row in found) if place in wanted]
