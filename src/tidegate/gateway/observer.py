"""Where the pipeline leaves its observations until the link takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count

from tidegate.delivery.observation import EncodedBatch, Observation, encode_observation

MAX_PENDING = 100_000
BATCH_ROWS = 2_000


class Observer:
    """Collects observations of one gateway process; :meth:`record` never blocks and never fails.

    An observation is encoded at once: what waits is a few hundred bytes, and no batch has to be made of many in one turn.

    Args:
        gateway: id of the gateway.
        boot_id: of this process; with a sequence number it names a batch for ever.
        numbers: of this process's batches, shared with its records.

    Attributes:
        dropped: observations lost because control was away for too long.
    """

    __slots__ = ("_boot_id", "_gateway", "_numbers", "_pending", "dropped")

    def __init__(self, gateway: str, boot_id: str, numbers: Iterator[int] | None = None) -> None:
        self._gateway = gateway
        self._boot_id = boot_id
        self._numbers = numbers or count(1)
        self._pending: deque[bytes] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._pending)

    def record(self, observation: Observation) -> None:
        """Leave an observation."""
        self._pending.append(encode_observation(observation))

    def take(self) -> EncodedBatch | None:
        """The oldest observations as the next batch, ``None`` when there are none."""
        pending = self._pending
        while len(pending) > MAX_PENDING:
            pending.popleft()
            self.dropped += 1
        if not pending:
            return None
        rows = [pending.popleft() for _ in range(min(BATCH_ROWS, len(pending)))]
        return EncodedBatch.of(self._gateway, self._boot_id, next(self._numbers), rows)
