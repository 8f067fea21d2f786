"""Takes the gateways' records: told apart from repetitions and stored, each kind by its own keeper, in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.delivery.observation import Observation
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.records import ContentRecord, FeedbackRecord, Record, RecordBatch
from tidegate.registry import batches
from tidegate.registry.database import Database
from tidegate.registry.feedback.keeping import keep_feedback
from tidegate.registry.kept_content import keep_content
from tidegate.registry.pairs import forget_pairs, keep_pairs

MOST_PAIRS = 200_000
PAIRS_AGE = timedelta(days=30)

Keeper = Callable[[AsyncConnection, Any], Awaitable[None]]
"""Stores the records of one kind, in the order they came."""

KEEPERS: Mapping[type[Record], Keeper] = {
    FeedbackRecord: keep_feedback,
    ContentRecord: keep_content,
}
"""Of the kinds that need nothing but the database; whoever composes control adds the others."""


def pair_keeper(
    is_sample: Callable[[Observation], bool], learn: Callable[[Collection[str]], Awaitable[None]]
) -> Keeper:
    """Stores and counts mirrored pairs.

    Args:
        is_sample: whether a request began in the window of its release's step (I5).
        learn: makes that up to date for some releases.
    """

    async def keep(connection: AsyncConnection, records: Sequence[PairRecord]) -> None:
        await learn({record.stable.release for record in records})
        await keep_pairs(connection, records, is_sample)

    return keep


class RecordIngest:
    """Stores batches of records.

    Args:
        keepers: of each kind.
        on_stored: takes what was stored for the first time; must neither wait nor fail.

    Attributes:
        stored: records of known kinds.
        unknown: records that a newer gateway sent and this control cannot read.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keepers: Mapping[type[Record], Keeper] = KEEPERS,
        on_stored: Callable[[Sequence[Record]], None] | None = None,
    ) -> None:
        self._keepers = keepers
        self._on_stored = on_stored
        self._database = database
        self._clock = clock
        self.stored = 0
        self.unknown = 0
        self.repeated_batches = 0

    async def store(self, batch: RecordBatch) -> bool:
        """Store one batch; ``False`` when it was stored before."""
        records, now = batch.decoded(), self._clock.now()

        async def change(connection: AsyncConnection) -> bool:
            if not await batches.is_new(connection, batch.boot_id, batch.sequence, now):
                return False
            for kind, keep in self._keepers.items():
                of_kind = [record for record in records if isinstance(record, kind)]
                if of_kind:
                    await keep(connection, of_kind)
            return True

        if not await self._database.transact(change):
            self.repeated_batches += 1
            return False
        self.stored += len(records)
        self.unknown += len(batch) - len(records)
        if self._on_stored is not None:
            self._on_stored(records)
        return True

    async def clean_up(self, *, keep: int = MOST_PAIRS, age: timedelta = PAIRS_AGE) -> int:
        """Forget pairs that are too many or too old; what they counted stays. Returns how many went."""
        before_us = int((self._clock.now() - age).timestamp() * 1_000_000)

        async def forget(connection: AsyncConnection) -> int:
            return await forget_pairs(connection, keep=keep, started_before_us=before_us)

        return await self._database.transact(forget)
