"""Observations as rows, and the counts of releases folded from them in the same transaction.

A batch counts once: its ``(boot_id, sequence)`` is stored beside its rows, and a batch that is already
there changes nothing. Rows are kept by number and age; counts stay as long as their release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from functools import cached_property
from types import MappingProxyType

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.observation import Observation, ObservationBatch
from tidegate.registry.batches import is_new
from tidegate.registry.bulk import insert_rows
from tidegate.registry.decoded import Decoded
from tidegate.registry.hashes import to_signed
from tidegate.registry.id_range import id_range
from tidegate.registry.instants import to_text
from tidegate.registry.schema import batches, counts, requests

CountKey = tuple[str, int, int, int, str]  # release, attempt, step, round, variant

_ENCODER = msgspec.json.Encoder()
_COLUMNS = (
    "request_id",
    "started_at_us",
    "service",
    "release",
    "outcome",
    "variant",
    "version",
    "duration_us",
    "cost_nano_usd",
    "unit_hash",
    "counted",
    "is_rated",
    "row",
)


class Counted(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """Counts of one (release, attempt, step, round, variant).

    Attributes:
        early: requests that began before every gateway served the step's weights: hard limits watch them,
            but they are no samples.
        window: requests that began after that.
        compared: of those the first of each unit, where a coin of the step's share chose the variant: only
            these compare the arms.
    """

    early: Summary = Summary()
    window: Summary = Summary()
    compared: Summary = Summary()

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.early + other.early, self.window + other.window, self.compared + other.compared)

    def without(self, part: Counted) -> Counted:
        """What is left when ``part`` is taken out again."""
        return Counted(
            self.early.without(part.early), self.window.without(part.window), self.compared.without(part.compared)
        )

    @cached_property
    def total(self) -> Summary:
        """Every request of the step; its units are those of the window."""
        return self.early + self.window


_KEY = ("release", "attempt", "step", "round", "variant")
_NOTHING: Mapping[CountKey, Counted] = MappingProxyType({})
_COUNTED_DECODER = msgspec.json.Decoder(Counted)
_COUNTED: Decoded[CountKey, Counted] = Decoded(_COUNTED_DECODER.decode, 5_000)


class Counts(IntEnum):
    """The part of its release's counts that a request is in."""

    NONE = 0  # of no release, or forced
    EARLY = 1
    WINDOW = 2
    COMPARED = 3  # in the window, and its variant was chosen with the step's share


CountsOf = Callable[[Observation], Counts]


def _in_no_counts(_row: Observation) -> Counts:
    return Counts.NONE


async def store_batch(
    connection: AsyncConnection,
    batch: ObservationBatch,
    rows: Sequence[Observation],
    now: datetime,
    counts_of: CountsOf = _in_no_counts,
) -> bool:
    """Store ``rows``; ``False`` (and nothing done) when the batch was stored before.

    Args:
        counts_of: the part of the counts that each row is in; kept, so that what is said of it later counts there.
    """
    if not await is_new(connection, batch.boot_id, batch.sequence, now):
        return False
    encode = _ENCODER.encode
    await insert_rows(
        connection,
        requests,
        _COLUMNS,
        [
            (
                row.request_id,
                row.started_at_us,
                row.service,
                row.release,
                row.outcome,
                row.variant,
                row.version,
                row.duration_us,
                row.cost_nano_usd,
                to_signed(row.unit_hash),
                int(counts_of(row)),
                False,
                encode(row).decode(),
            )
            for row in rows
        ],
    )
    return True


async def add_counts(
    connection: AsyncConnection, added: Mapping[CountKey, Counted], removed: Mapping[CountKey, Counted] = _NOTHING
) -> None:
    """Add to what each key counted before, and take out what no longer counts."""
    for at, more in added.items():
        key = dict(zip(_KEY, at, strict=True))
        where = sa.and_(*(counts.c[name] == value for name, value in key.items()))
        known = await connection.scalar(sa.select(counts.c.summary).where(where))
        total = more if known is None else _COUNTED_DECODER.decode(known) + more
        if at in removed:
            total = total.without(removed[at])
        text = _ENCODER.encode(total).decode()
        if known is None:
            await connection.execute(sa.insert(counts).values(**key, summary=text))
        else:
            await connection.execute(sa.update(counts).where(where).values(summary=text))


async def read_counts(connection: AsyncConnection, releases: Iterable[str]) -> dict[str, dict[CountKey, Counted]]:
    """All counts of each of ``releases``; a release nobody was observed in maps to an empty dict."""
    found: dict[str, dict[CountKey, Counted]] = {release: {} for release in releases}
    for row in await connection.execute(sa.select(counts).where(counts.c.release.in_(found))):
        key = row.release, row.attempt, row.step, row.round, row.variant
        found[row.release][key] = _COUNTED.of(key, row.summary)
    return found


async def forget(
    connection: AsyncConnection, *, keep: int, started_before: datetime, stored_before: datetime, chunk: int = 5000
) -> int:
    """Delete at most ``chunk`` of the oldest rows that are over ``keep`` or too old; returns how many.

    Batch keys stored before ``stored_before`` go too: no gateway sends a batch again after that.
    """
    await connection.execute(sa.delete(batches).where(batches.c.stored_at < to_text(stored_before)))
    found = await id_range(connection, requests)
    if found is None:
        return 0
    oldest, latest = found
    limit_us = int(started_before.timestamp() * 1_000_000)
    superfluous = sa.or_(requests.c.id <= latest - keep, requests.c.started_at_us < limit_us)
    among_the_oldest = requests.c.id < oldest + chunk
    return (await connection.execute(sa.delete(requests).where(among_the_oldest, superfluous))).rowcount
