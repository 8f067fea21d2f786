"""A rate as a bucket: it holds a minute's worth, fills evenly, and may be overdrawn by what was not foreseen."""

from __future__ import annotations

SECONDS = 60.0
_MOVING_SECONDS = 3.0  # control moves slices to where they are wanted within so long


class Bucket:
    """So much per minute; times are monotonic seconds.

    Args:
        limit: of all gateways together: what a full bucket holds, and what flows in within a minute, until control
            lends a slice of it.

    Attributes:
        held: the slice that control lent; 0 before it has lent any.
    """

    __slots__ = ("_at", "_level", "_limit", "_slice", "held")

    def __init__(self, limit: int, now: float) -> None:
        self._limit = self._slice = limit
        self._level = float(limit)
        self._at = now
        self.held = 0

    def wait_for(self, amount: int, now: float) -> float:
        """Seconds until ``amount`` may be there, 0.0 now. More than it holds needs it full.

        By its own slice; sooner if that is small, for a slice that is wanted grows up to the limit.
        """
        rate = self._slice
        self._level = min(rate, self._level + (now - self._at) * rate / SECONDS)
        self._at = now
        missing = min(amount, rate) - self._level
        if missing <= 1e-9:
            return 0.0
        return min(missing * SECONDS / rate, max(missing * SECONDS / self._limit, _MOVING_SECONDS))

    def take(self, amount: int) -> None:
        """Take; right after :meth:`wait_for` said that it may."""
        self._level -= amount

    def give_back(self, amount: int) -> None:
        """What was reserved and not used; negative: more was used than reserved."""
        self._level = min(self._slice, self._level + amount)

    def lend(self, amount: int) -> None:
        """Another slice: it flows faster or slower from now on, nothing is poured in."""
        self.held = self._slice = amount
        self._level = min(self._level, amount)

    def change(self, limit: int) -> None:
        """Another limit was declared: what was used stays used, and control lends accordingly."""
        self._limit = limit
        self._slice = min(self.held, limit) if self.held else limit
        self._level = min(self._level, self._slice)
