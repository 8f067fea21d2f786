"""One budget in one day or month: what is spent of it, and slices of the rest, never more together than the budget."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

import msgspec

from tidegate.delivery.limits.lending import MoneyGrant, MoneyUse
from tidegate.delivery.limits.sharing import hand_out


class _Account(msgspec.Struct):
    """One process, also when it is gone.

    Attributes:
        told: the last it told; ``None`` before it has told anything, and when it is gone.
        told_spent: the most it ever told.
        counted: what the observations that it sent add up to.
        lent: since it last told.
    """

    told: MoneyUse | None = None
    told_spent: int = 0
    counted: int = 0
    lent: int = 0

    @property
    def spent(self) -> int:
        """Whichever knows more: the process tells before its observations are stored, and may be gone when they are."""
        return max(self.told_spent, self.counted)

    @property
    def reserved(self) -> int:
        return self.told.reserved if self.told is not None else 0

    @property
    def outstanding(self) -> int:
        """What it may still come to spend."""
        if self.told is None:
            return 0
        return max(self.told.reserved, max(self.told.granted, self.lent) - self.told.spent)


class Purse:
    """Nano-USD by gateway process."""

    def __init__(self, counted: Mapping[str, int]) -> None:
        self._accounts: dict[str, _Account] = {}
        self.count(counted)

    def count(self, counted: Mapping[str, int]) -> None:
        """What the stored observations of each process add up to, by boot id."""
        for boot, amount in counted.items():
            self._account(boot).counted = amount

    def hear(self, boot: str, use: MoneyUse) -> None:
        """A process tells what it did, so whatever it was lent before has reached it or never will."""
        account = self._account(boot)
        account.told, account.lent = use, 0
        account.told_spent = max(account.told_spent, use.spent)

    def forget_all_but(self, processes: Container[str]) -> None:
        """Those that are gone hold nothing; what they spent stays."""
        for boot, account in self._accounts.items():
            if boot not in processes:
                account.told, account.lent = None, 0

    @property
    def spent(self) -> int:
        """By all of them."""
        return sum(account.spent for account in self._accounts.values())

    @property
    def reserved(self) -> int:
        """By requests under way."""
        return sum(account.reserved for account in self._accounts.values())

    def lend(self, boot: str, period: str, budget: int, strangers: int) -> MoneyGrant:
        """What a process that told may spend and reserve in all from now on.

        Args:
            strangers: processes that may hold slices and did not tell; as long as there are any, each keeps what it holds.
        """
        account, unspent = self._accounts[boot], budget - self.spent
        assert account.told is not None
        told = account.told
        others = sum(each.outstanding for other, each in self._accounts.items() if other != boot)
        used = told.spent + told.reserved
        part = told.granted - used if strangers else self._part(boot, unspent)
        account.lent = used + max(0, min(part, unspent - told.reserved - others))
        return MoneyGrant(period, account.lent, max(0, unspent))

    def _part(self, boot: str, unspent: int) -> int:
        """Of what is neither spent nor reserved, whoever it is lent to now."""
        telling: Iterable[tuple[str, MoneyUse]] = (
            (other, account.told) for other, account in self._accounts.items() if account.told is not None
        )
        wanted = {other: max(0, told.wanted - told.reserved) for other, told in telling}
        return hand_out(max(0, unspent - self.reserved), wanted)[boot]

    def _account(self, boot: str) -> _Account:
        return self._accounts.setdefault(boot, _Account())
