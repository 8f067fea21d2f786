"""Traffic over time: tallies of each version's requests, fine while they are young, coarse when they are old.

A tally is written at :data:`~tidegate.delivery.tally.FINEST_SECONDS` in the transaction that stores its requests.
Ageing *moves* it into the longer stretch it lies in, so a request is in exactly one row, late ones too, and sums over
any range are exact to the edges of the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.tally import FINEST_SECONDS, Tally, TallyKey, coarser
from tidegate.registry.schema import traffic

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Tally)
_KEY = tuple(traffic.c[name] for name in TallyKey._fields)
_AT_ONCE = 400  # keys of one statement


class Ageing(NamedTuple):
    """Stretches of ``period`` seconds are kept for ``kept``, then become part of longer ones."""

    period: int
    kept: timedelta


AGEING = (
    Ageing(FINEST_SECONDS, timedelta(hours=2)),
    Ageing(60, timedelta(days=2)),
    Ageing(3600, timedelta(days=400)),
)


async def add_traffic(connection: AsyncConnection, added: Mapping[TallyKey, Tally]) -> None:
    """Add to what each stretch held before."""
    keys = list(added)
    for first in range(0, len(keys), _AT_ONCE):
        part = keys[first : first + _AT_ONCE]
        known = await _read(connection, _around(part))
        fresh = [_values(key, added[key]) for key in part if key not in known]
        grown = [_bound(key, known[key] + added[key]) for key in part if key in known]
        if fresh:
            await connection.execute(sa.insert(traffic), fresh)
        if grown:
            await connection.execute(_GROW, grown)


async def read_traffic(
    connection: AsyncConnection,
    services: Collection[str],
    *,
    since: datetime,
    until: datetime | None = None,
    release: str | None = None,
    version: str | None = None,
) -> dict[TallyKey, Tally]:
    """Every stretch of these services that began at or after ``since`` and before ``until``."""
    wanted = sa.and_(
        traffic.c.service.in_(services),
        traffic.c.period.in_([each.period for each in AGEING]),  # lets the primary key find the starts
        traffic.c.start >= int(since.timestamp()),
    )
    if until is not None:
        wanted = sa.and_(wanted, traffic.c.start < int(until.timestamp()))
    if release is not None:
        wanted = sa.and_(wanted, traffic.c.release == release)
    if version is not None:
        wanted = sa.and_(wanted, traffic.c.version == version)
    return await _read(connection, wanted)


async def first_seen(connection: AsyncConnection, service: str, versions: Collection[str]) -> dict[str, int]:
    """When each version had its first request, as far as traffic is kept, in seconds since the epoch."""
    wanted = sa.and_(traffic.c.service == service, traffic.c.version.in_(versions))
    statement = sa.select(traffic.c.version, sa.func.min(traffic.c.start)).where(wanted).group_by(traffic.c.version)
    return {str(version): int(start) for version, start in await connection.execute(statement)}


async def age_traffic(connection: AsyncConnection, now: datetime, *, chunk: int = 2000) -> int:
    """Move at most ``chunk`` stretches that are too old for their length, or forget them; returns how many."""
    moved = 0
    for finer, longer in zip(AGEING, (*AGEING[1:], None), strict=True):
        limit = int((now - finer.kept).timestamp())
        limit -= limit % (longer.period if longer else finer.period)  # whole stretches of the longer length
        old = sa.and_(traffic.c.period == finer.period, traffic.c.start < limit)
        found = await _read(connection, old, limit=chunk)
        if not found:
            continue
        if longer is not None:
            await add_traffic(connection, _merged(found, longer.period))
        await connection.execute(_DELETE, [_where(key) for key in found])
        moved += len(found)
    return moved


def _merged(found: Mapping[TallyKey, Tally], period: int) -> dict[TallyKey, Tally]:
    merged: dict[TallyKey, Tally] = {}
    for key, counted in found.items():
        longer = coarser(key, period)
        merged[longer] = merged[longer] + counted if longer in merged else counted
    return merged


async def _read(
    connection: AsyncConnection, condition: sa.ColumnElement[bool], limit: int | None = None
) -> dict[TallyKey, Tally]:
    statement = sa.select(*_KEY, traffic.c.tally).where(condition).limit(limit)
    return {TallyKey(*row[:-1]): _DECODER.decode(row[-1]) for row in await connection.execute(statement)}


def _around(keys: Collection[TallyKey]) -> sa.ColumnElement[bool]:
    """These rows and perhaps a few more: a condition that the primary key can answer, unlike one on whole keys."""
    return sa.and_(
        traffic.c.service.in_({key.service for key in keys}),
        traffic.c.period.in_({key.period for key in keys}),
        traffic.c.start.in_({key.start for key in keys}),
    )


def _values(key: TallyKey, counted: Tally) -> dict[str, object]:
    return {**key._asdict(), "tally": _ENCODER.encode(counted).decode()}


def _where(key: TallyKey) -> dict[str, object]:
    return {f"at_{name}": value for name, value in key._asdict().items()}


def _bound(key: TallyKey, counted: Tally) -> dict[str, object]:
    return {**_where(key), "grown": _ENCODER.encode(counted).decode()}


_THIS = sa.and_(*(column == sa.bindparam(f"at_{column.name}") for column in _KEY))
_GROW = sa.update(traffic).where(_THIS).values(tally=sa.bindparam("grown"))
_DELETE = sa.delete(traffic).where(_THIS)
