"""A rate as a bucket: it holds a minute's worth, fills evenly, and may be overdrawn by what was not foreseen."""

from __future__ import annotations

SECONDS = 60.0


class Bucket:
    """So much per minute; times are monotonic seconds.

    Args:
        capacity: what a full one holds, and what flows in within a minute.
    """

    __slots__ = ("_at", "_level", "capacity")

    def __init__(self, capacity: int, now: float) -> None:
        self.capacity = capacity
        self._level = float(capacity)
        self._at = now

    def wait_for(self, amount: int, now: float) -> float:
        """Seconds until ``amount`` could be taken, 0.0 now. More than it holds needs it full."""
        self._level = min(self.capacity, self._level + (now - self._at) * self.capacity / SECONDS)
        self._at = now
        missing = min(amount, self.capacity) - self._level
        return missing * SECONDS / self.capacity if missing > 1e-9 else 0.0

    def take(self, amount: int) -> None:
        """Take; right after :meth:`wait_for` said that it may."""
        self._level -= amount

    def give_back(self, amount: int) -> None:
        """What was reserved and not used; negative: more was used than reserved."""
        self._level = min(self.capacity, self._level + amount)

    def resize(self, capacity: int) -> None:
        """Another slice: it flows faster or slower from now on, nothing is poured in."""
        self.capacity = capacity
        self._level = min(self._level, capacity)
