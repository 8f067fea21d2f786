"""Money of one key in the period that runs, as far as this process may spend it."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.delivery.limits.lending import MoneyGrant, MoneyUse
from tidegate.delivery.limits.periods import Period

_STARTING_SLICE = 100  # so much of a budget, as its 1/n, may be spent before control has lent any


class Budget:
    """Nano-USD in a day or a month. It counts also while nothing bounds it, so that a budget finds what was spent.

    Args:
        period_of: the period of an instant, in microseconds since the Unix epoch.

    Attributes:
        limit: of all gateways together, 0 for none.
        spent: in this period by this process, by requests that ended.
        reserved: by requests of this period that are under way.
        period: the name of the period that runs.
        ends_at_us: when it ends.
    """

    __slots__ = ("_granted", "_period_of", "_unspent", "ends_at_us", "limit", "period", "reserved", "spent")

    def __init__(self, period_of: Callable[[int], Period]) -> None:
        self._period_of = period_of
        self.limit = self._granted = self._unspent = 0
        self.period, self.ends_at_us = "", 0
        self.spent = self.reserved = 0

    def turn(self, now_us: int) -> None:
        """A new period if the one that ran is over: nothing of it is spent yet, by requests under way neither."""
        if now_us >= self.ends_at_us:
            self.period, self.ends_at_us = self._period_of(now_us)
            self.spent = self.reserved = 0
            self._granted, self._unspent = self.limit // _STARTING_SLICE, self.limit

    def wait_for(self, amount: int, now_us: int) -> float:
        """Seconds until ``amount`` may be there, 0.0 now: soon where it is reserved or lent to another process, at the
        end of the period where all of it is spent."""
        left = self._granted - self.spent - self.reserved
        if amount <= left and left > 0:
            return 0.0
        is_hopeless = amount > self._unspent or self._unspent <= 0
        return max(1.0, (self.ends_at_us - now_us) / 1e6) if is_hopeless else 1.0

    def settle(self, period: str, reserved: int, cost: int) -> None:
        """A request that was reserved for in ``period`` ended; of one that is over nothing is left to say."""
        if period == self.period:
            self.reserved -= reserved
            self.spent += cost

    def use(self, wanted: int) -> MoneyUse:
        """What control is told, where there is a budget."""
        if not self.limit:
            return MoneyUse()
        return MoneyUse(self.period, self.spent, self.reserved, wanted, self._granted)

    def grant(self, granted: MoneyGrant) -> None:
        """What control lends in all; of a period that is over it means nothing."""
        if granted.period == self.period:
            self._granted, self._unspent = granted.granted, granted.unspent

    def change(self, limit: int) -> None:
        """Another limit was declared: what was spent stays spent, and control lends accordingly."""
        if limit == self.limit:
            return
        self._granted = (
            min(self._granted, limit) if self.limit else self.spent + self.reserved + limit // _STARTING_SLICE
        )
        self.limit = self._unspent = limit
