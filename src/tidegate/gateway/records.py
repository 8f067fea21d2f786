"""Where the pipeline leaves records (feedback, kept content) until the link takes them: a bounded number of bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count

from tidegate.delivery.records import Record, RecordBatch, encode_record

MAX_PENDING_BYTES = 32 << 20
BATCH_BYTES = 4 << 20
BATCH_RECORDS = 1_000


class Records:
    """Collects records of one gateway process; :meth:`put` never blocks and never fails.

    A record is encoded at once: what waits is bytes, and the request it came from is free to go.

    Args:
        gateway: id of the gateway.
        boot_id: of this process.
        numbers: of this process's batches, shared with its observations.

    Attributes:
        dropped: records lost because control was away for too long.
    """

    __slots__ = ("_boot_id", "_bytes", "_gateway", "_numbers", "_pending", "dropped")

    def __init__(self, gateway: str, boot_id: str, numbers: Iterator[int] | None = None) -> None:
        self._gateway = gateway
        self._boot_id = boot_id
        self._numbers = numbers or count(1)
        self._pending: deque[bytes] = deque()
        self._bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._pending)

    def put(self, record: Record) -> None:
        """Leave a record; beyond the bound the oldest make room."""
        encoded = encode_record(record)
        self._pending.append(encoded)
        self._bytes += len(encoded)
        while self._bytes > MAX_PENDING_BYTES:
            self._bytes -= len(self._pending.popleft())
            self.dropped += 1

    def take(self) -> RecordBatch | None:
        """The oldest records as the next batch, ``None`` when there are none."""
        pending, size = self._pending, 0
        taken: list[bytes] = []
        while pending and len(taken) < BATCH_RECORDS and (not taken or size + len(pending[0]) <= BATCH_BYTES):
            size += len(pending[0])
            taken.append(pending.popleft())
        self._bytes -= size
        return RecordBatch.of(self._gateway, self._boot_id, next(self._numbers), taken) if taken else None
