"""Takes the gateways' records: told apart from repetitions and stored, each kind by its own keeper, in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.delivery.records import ContentRecord, FeedbackRecord, Record, RecordBatch
from tidegate.registry import batches
from tidegate.registry.database import Database
from tidegate.registry.feedback import keep_feedback
from tidegate.registry.kept_content import keep_content

Keeper = Callable[[AsyncConnection, Any], Awaitable[None]]
"""Stores the records of one kind, in the order they came."""

KEEPERS: Mapping[type[Record], Keeper] = {
    FeedbackRecord: keep_feedback,
    ContentRecord: keep_content,
}


class RecordIngest:
    """Stores batches of records.

    Attributes:
        stored: records of known kinds.
        unknown: records that a newer gateway sent and this control cannot read.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
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
            for kind, keep in KEEPERS.items():
                of_kind = [record for record in records if isinstance(record, kind)]
                if of_kind:
                    await keep(connection, of_kind)
            return True

        if not await self._database.transact(change):
            self.repeated_batches += 1
            return False
        self.stored += len(records)
        self.unknown += len(batch) - len(records)
        return True
