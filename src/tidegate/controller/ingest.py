"""Takes the gateways' observations: stored, folded into counts and into traffic over time, and told apart from
repetitions, all in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.controller.folding import fold, is_randomised, sort_rows
from tidegate.delivery.observation import Observation, ObservationBatch
from tidegate.delivery.tally import tally
from tidegate.registry import observations, units
from tidegate.registry.arrivals import note_arrivals
from tidegate.registry.database import Database
from tidegate.registry.key_charges import add_charges, charges_of, forget_charges
from tidegate.registry.key_spending import add_spending, forget_spending, spending_of
from tidegate.registry.observations import Counts
from tidegate.registry.traffic import add_traffic, age_traffic

_MOST_CHUNKS = 20  # of one clean-up, so that it never holds ingest up for long


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept: what is over either bound goes, oldest first.

    Attributes:
        rows: observations.
        age: of an observation.
        batch_age: of a batch's key; longer than any gateway keeps its spool.
    """

    rows: int = 2_000_000
    age: timedelta = timedelta(days=30)
    batch_age: timedelta = timedelta(days=30)


async def _nothing_to_learn(_releases: Collection[str]) -> None:
    pass


class Ingest:
    """Writes what gateways observed. Several processes may do so over one database: each batch is one transaction
    that adds to what is there, so whichever of them takes it, the counts are the same.

    Args:
        learn: makes what the next three are asked up to date for some releases, before a batch of theirs is stored.
        is_sample: whether an observation is a sample of its release: it began after every gateway had
            acknowledged the step, in this attempt (invariant I5). The others are counted apart.
        is_late: whether the step it began in is over.
        is_compared: whether its variant was chosen with the share of its step.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        learn: Callable[[Collection[str]], Awaitable[None]] = _nothing_to_learn,
        is_sample: Callable[[Observation], bool] = lambda _: True,
        is_compared: Callable[[Observation], bool] = is_randomised,
        is_late: Callable[[Observation], bool] = lambda _: False,
        retention: RetentionSettings | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._learn = learn
        self._is_sample = is_sample
        self._is_compared = is_compared
        self._is_late = is_late
        self._retention = retention or RetentionSettings()
        self._writing = asyncio.Lock()
        self._ended: set[str] = set()
        self._observed_at: dict[str, datetime] = {}
        self.stored = 0
        self.repeated_batches = 0
        self.late = 0

    async def store(self, batch: ObservationBatch) -> bool:
        """Store one batch; ``False`` when it was stored before."""
        rows = batch.rows
        await self._learn({row.release for row in rows if row.release})
        async with self._writing:
            is_new = await self._store(batch, rows)
        if not is_new:
            self.repeated_batches += 1
            return False
        self.stored += len(rows)
        self.late += sum(map(self._is_late, rows))
        for service in {row.service for row in rows}:
            self._observed_at[service] = self._clock.now()
        return True

    def ended(self, release: str) -> None:
        """Nothing compares the release's arms any more: its units are forgotten with the next clean-up."""
        self._ended.add(release)

    def observed_at(self, service: str) -> datetime | None:
        """When this process last stored an observation of ``service``."""
        return self._observed_at.get(service)

    async def clean_up(self) -> int:
        """Forget what is over the bounds, in small deletes; returns how many rows went."""
        total, now, kept = 0, self._clock.now(), self._retention
        for _ in range(_MOST_CHUNKS):

            async def forget(connection: AsyncConnection) -> int:
                return await observations.forget(
                    connection, keep=kept.rows, started_before=now - kept.age, stored_before=now - kept.batch_age
                )

            async with self._writing:
                gone = await self._database.transact(forget)
            total += gone
            if gone == 0:
                break
        async with self._writing:
            await self._database.transact(lambda connection: forget_spending(connection, now))
            await self._database.transact(lambda connection: forget_charges(connection, now))
        await self._forget_units()
        await self._age_traffic(now)
        return total

    async def _forget_units(self) -> None:
        ended = sorted(self._ended)
        async with self._writing:
            await self._database.transact(lambda connection: units.forget_units(connection, ended))
        self._ended.difference_update(ended)

    async def _age_traffic(self, now: datetime) -> None:
        for _ in range(_MOST_CHUNKS):
            async with self._writing:
                if await self._database.transact(lambda connection: age_traffic(connection, now)) == 0:
                    return

    def _counts_of(self, row: Observation) -> Counts:
        if not (row.release and row.propensity):
            return Counts.NONE
        if not self._is_sample(row):
            return Counts.EARLY
        return Counts.COMPARED if self._is_compared(row) else Counts.WINDOW

    async def _store(self, batch: ObservationBatch, rows: list[Observation]) -> bool:
        now = self._clock.now()
        arranged = sort_rows(rows, self._is_sample)
        ended, services = [row for row in rows if not row.is_open], {row.service for row in rows}

        async def change(connection: AsyncConnection) -> bool:
            if not await observations.store_batch(connection, batch, ended, now, self._counts_of):
                return False
            known = await units.read_firsts(connection, arranged.returning())
            folded = fold(arranged, known, self._is_compared)
            added, removed = ({key: part[side] for key, part in folded.counts.items()} for side in (0, 1))
            await observations.add_counts(connection, added, removed)
            await units.write_firsts(connection, folded.firsts, known)
            await add_traffic(connection, tally(ended))
            await add_spending(connection, spending_of(ended))
            await add_charges(connection, batch.boot_id, charges_of(ended))
            await note_arrivals(connection, services, now)
            return True

        return await self._database.transact(change)
