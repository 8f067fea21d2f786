"""An amount shared out over gateway processes, so that together they never spend more than there is.

Each tells what it has spent and is granted so much more: a part of what is neither used nor granted to another
process. What an idle one does not use comes back to the others with its next heartbeat; a grant that was lowered is
reckoned with until the process has spoken again, for it may not have heard of it yet.
"""

from __future__ import annotations

from collections.abc import Container

import msgspec


class _Account(msgspec.Struct):
    """One process: what it said it has spent, and what it may have been granted when it said so."""

    spent: int = 0
    granted: int = 0
    granted_before: int = 0

    @property
    def outstanding(self) -> int:
        """What it may still spend."""
        return max(0, max(self.granted, self.granted_before) - self.spent)


class Ledger:
    """One amount.

    Attributes:
        counted: what has been counted of it so far, also of processes that are gone.
    """

    __slots__ = ("_accounts", "counted")

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self.counted = 0

    def grant(self, boot_id: str, spent: int, bound: int, live: Container[str]) -> int:
        """What the process may spend in all from now on: half of what is free for it.

        Args:
            spent: by it so far.
            bound: of all together.
            live: boot ids of processes that may be spending.
        """
        account = self._accounts.setdefault(boot_id, _Account())
        account.spent = max(account.spent, spent)
        account.granted_before = account.granted
        account.granted = account.spent + self._free(bound, boot_id, live) // 2
        return account.granted

    @property
    def used(self) -> int:
        """What is known to be spent."""
        return max(self.counted, sum(account.spent for account in self._accounts.values()))

    def _free(self, bound: int, boot_id: str, live: Container[str]) -> int:
        others = (a.outstanding for boot, a in self._accounts.items() if boot != boot_id and boot in live)
        return max(0, bound - self.used - sum(others))
