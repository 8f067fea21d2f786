"""Everything that is lent of one key's limits, and what was spent of its budgets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.lending import KeyGrant, KeyUse, MoneyGrant, MoneyUse
from tidegate.delivery.limits.purse import Purse
from tidegate.delivery.limits.slices import Slices


class KeyLedger:
    """One key.

    Args:
        counted: gives what stored observations of a day or month add up to, by boot id.
    """

    def __init__(self, key: str, counted: Callable[[str], Mapping[str, int]]) -> None:
        self._key = key
        self._counted = counted
        self._slices = Slices()
        self._purses: dict[str, Purse] = {}

    @property
    def told(self) -> Mapping[str, KeyUse]:
        """What each process that may be serving told last, by boot id."""
        return self._slices.told

    def hear(self, boot: str, use: KeyUse, running: Container[str]) -> None:
        """A process tells; of days and months that do not run it is not believed."""
        self._slices.hear(boot, use)
        for money in (use.day, use.month):
            if money.period in running:
                self._purse(money.period).hear(boot, money)

    def keep(self, processes: Container[str], running: Collection[str]) -> None:
        """Only these processes may hold something, and only these days and months run."""
        self._slices.forget_all_but(processes)
        self._purses = {period: purse for period, purse in self._purses.items() if period in running}
        for purse in self._purses.values():
            purse.forget_all_but(processes)

    def count(self) -> None:
        """More was stored."""
        for period, purse in self._purses.items():
            purse.count(self._counted(period))

    def lend(
        self, boot: str, limits: KeyLimits, processes: Container[str], running: Collection[str], strangers: int
    ) -> KeyGrant:
        """What a process that just told may use from now on.

        Args:
            running: days and months whose money may be lent.
            strangers: processes that may hold slices and did not tell; as long as there are any, each keeps what it holds.
        """
        self.keep(processes, running)

        def money(use: MoneyUse, budget: int) -> MoneyGrant:
            if not budget or use.period not in running:
                return MoneyGrant()
            return self._purse(use.period).lend(boot, use.period, budget, strangers)

        told = self.told[boot]
        return KeyGrant(
            key=self._key,
            slices=self._slices.lend(boot, limits, strangers),
            day=money(told.day, limits.budget_per_day),
            month=money(told.month, limits.budget_per_month),
        )

    def spent(self, period: str) -> int:
        """Nano-USD of a day or month, by whichever knows more: gateways or the database."""
        purse = self._purses.get(period)
        return purse.spent if purse is not None else sum(self._counted(period).values())

    def reserved(self) -> int:
        """Nano-USD that requests under way may come to."""
        return sum(max(use.day.reserved, use.month.reserved) for use in self.told.values())

    def _purse(self, period: str) -> Purse:
        found = self._purses.get(period)
        if found is None:
            found = self._purses[period] = Purse(self._counted(period))
        return found
