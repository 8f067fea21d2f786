"""Money of one key in the period that runs, as far as this process may spend it."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.delivery.limits import Period

_STARTING_SLICE = 100  # so much of a budget, as its 1/n, may be spent before control has lent any


class Budget:
    """Nano-USD in a day or a month.

    Args:
        limit: of all gateways together.
        period_of: the period of an instant, in microseconds since the Unix epoch.

    Attributes:
        spent: in this period by this process, what is reserved included.
    """

    __slots__ = ("_granted", "_limit", "_period", "_period_of", "spent")

    def __init__(self, limit: int, period_of: Callable[[int], Period]) -> None:
        self._limit = limit
        self._period_of = period_of
        self._period = Period("", 0)
        self._granted = 0
        self.spent = 0

    def period(self, now_us: int) -> str:
        """The period's name; in a new one nothing is spent yet."""
        if now_us >= self._period.ends_at_us:
            self._period = self._period_of(now_us)
            self._granted = self._limit // _STARTING_SLICE
            self.spent = 0
        return self._period.name

    def wait_for(self, amount: int, now_us: int) -> float:
        """Seconds until ``amount`` could be spent, 0.0 now: until control lends more, or the period ends."""
        self.period(now_us)
        left = self._granted - self.spent
        if amount <= left and left > 0:
            return 0.0
        is_used_up = left <= self._limit // _STARTING_SLICE
        return max(1.0, (self._period.ends_at_us - now_us) / 1e6) if is_used_up else 1.0

    def grant(self, period: str, amount: int) -> None:
        """What control lends in all; of a period that is over it means nothing."""
        if period == self._period.name:
            self._granted = amount

    def change(self, limit: int) -> None:
        """Another limit was declared; control lends accordingly."""
        self._limit = limit
