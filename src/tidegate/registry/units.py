"""The first request of each unit that returns, so that a unit counts once: over batches, gateways and restarts.

Where arms are compared a unit counts by the request of it that began first. Batches come in any order, so an
earlier request may turn up later and take the place of the one that counted: what that one added must then be
known exactly, and is kept here. A unit that met several variants in one step (its pin was lost while weights moved) still
counts once: for the variant of that request. Units that are one request alone never return and are not kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.observation import Observation
from tidegate.registry.bulk import insert_rows
from tidegate.registry.hashes import to_signed, to_unsigned
from tidegate.registry.schema import units

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(tuple[Observation, ...])
_KEY = ("release", "attempt", "step")
_CHUNK = 5_000  # units asked for in one statement


class First(msgspec.Struct, frozen=True):
    """The request that a unit counts by.

    Attributes:
        rows: of that request, in the order they came: reports while it was open, and its end.
        is_compared: whether its variant was chosen with the share of its step, as it was counted: what is taken out of
            the counts later must be what was added.
    """

    rows: tuple[Observation, ...]
    is_compared: bool

    @property
    def began(self) -> tuple[int, str]:
        """What is compared: the earlier request, and of two that began together the smaller id."""
        return self.rows[0].started_at_us, self.rows[0].request_id


UnitKey = tuple[str, int, int]  # release, attempt, step: whatever the variant and the round
FirstKey = tuple[UnitKey, int]  # and the unit's hash


def first_key(row: Observation) -> FirstKey:
    """Of the unit of a request of a release."""
    return (row.release, row.attempt, row.step), row.unit_hash


async def read_firsts(connection: AsyncConnection, wanted: Iterable[FirstKey]) -> dict[FirstKey, First]:
    """Those of ``wanted`` that are known."""
    by_step: dict[UnitKey, list[int]] = defaultdict(list)
    for key, unit_hash in wanted:
        by_step[key].append(unit_hash)
    found: dict[FirstKey, First] = {}
    for key, hashes in by_step.items():
        for start in range(0, len(hashes), _CHUNK):
            some = [to_signed(unit_hash) for unit_hash in hashes[start : start + _CHUNK]]
            statement = sa.select(units.c.unit_hash, units.c.is_compared, units.c.rows).where(
                *_of_step(key), _is_among(some)
            )
            for row in await connection.execute(statement):
                found[key, to_unsigned(row.unit_hash)] = First(_DECODER.decode(row.rows), row.is_compared)
    return found


async def write_firsts(
    connection: AsyncConnection, changed: Mapping[FirstKey, First], known: Mapping[FirstKey, First]
) -> None:
    """Store ``changed``, of which those in ``known`` are there already."""
    new = [
        (*key, to_signed(unit), first.is_compared, _encoded(first))
        for (key, unit), first in changed.items()
        if (key, unit) not in known
    ]
    await insert_rows(connection, units, (*_KEY, "unit_hash", "is_compared", "rows"), new)
    replaced = [(at, first) for at, first in changed.items() if at in known]
    for (key, unit_hash), first in replaced:
        where = (*_of_step(key), units.c.unit_hash == to_signed(unit_hash))
        await connection.execute(
            units.update().where(*where).values(is_compared=first.is_compared, rows=_encoded(first))
        )


async def forget_units(connection: AsyncConnection, releases: Sequence[str]) -> int:
    """Forget the units of ``releases``; returns how many."""
    return (await connection.execute(units.delete().where(units.c.release.in_(releases)))).rowcount


def _of_step(key: UnitKey) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(units.c[name] == value for name, value in zip(_KEY, key, strict=True))


def _is_among(hashes: list[int]) -> sa.ColumnElement[bool]:
    """Integers written into the statement: databases bound the number of parameters."""
    return units.c.unit_hash.in_(sa.bindparam("hashes", hashes, expanding=True, literal_execute=True))


def _encoded(first: First) -> str:
    return _ENCODER.encode(first.rows).decode()
