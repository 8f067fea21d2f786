"""Shares a mirror's money and tokens out over gateways, so that together they never spend more than declared.

With each heartbeat a gateway tells what its copies have cost and is granted so much more: half of what is neither used
nor granted to another process. What an idle gateway does not use comes back to the others with its next heartbeat; a
grant that was lowered is reckoned with until the gateway has spoken again, for it may not have heard of it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Container

import msgspec

from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.snapshot import Heartbeat, MirrorGrant, MirrorSpending
from tidegate.registry.releases import ReleaseRow

_Step = tuple[str, int, int]  # release, attempt, step
_Amounts = tuple[int, int]  # nano-USD, tokens


class _Account(msgspec.Struct):
    """One process: what it said it has spent, and what it may have been granted when it said so. Cost, tokens."""

    spent: _Amounts = (0, 0)
    granted: _Amounts = (0, 0)
    granted_before: _Amounts = (0, 0)

    def outstanding(self, kind: int) -> int:
        """What it may still spend."""
        return max(0, max(self.granted[kind], self.granted_before[kind]) - self.spent[kind])


class _Ledger(msgspec.Struct):
    """One step."""

    accounts: dict[str, _Account]
    counted: _Amounts = (0, 0)

    def free(self, kind: int, bound: int, boot_id: str, live: Container[str]) -> int:
        """What nobody has used and no other live process may still use."""
        told = sum(account.spent[kind] for account in self.accounts.values())
        others = (
            account.outstanding(kind) for boot, account in self.accounts.items() if boot != boot_id and boot in live
        )
        return max(0, bound - max(told, self.counted[kind]) - sum(others))


class MirrorGrants:
    """What each step's copies have used, as far as this process knows.

    Args:
        bounds_of: of a step that is mirrored now; ``None`` for any other.
        live: boot ids of processes that may be copying.
    """

    def __init__(
        self, bounds_of: Callable[[MirrorSpending], Mirroring | None], live: Callable[[], Container[str]]
    ) -> None:
        self._bounds_of = bounds_of
        self._live = live
        self._ledgers: dict[_Step, _Ledger] = {}

    def answer(self, beat: Heartbeat) -> tuple[MirrorGrant, ...]:
        """What the gateway may use from now on, in all."""
        found = (self._grant(beat.boot_id, told) for told in beat.mirrors)
        return tuple(grant for grant in found if grant is not None)

    def learn(self, row: ReleaseRow) -> None:
        """A release was committed: what its pairs have been counted for so far, also of processes that are gone."""
        state = row.state
        if state.mirroring is None:
            self._ledgers = {step: ledger for step, ledger in self._ledgers.items() if step[0] != row.id}
        else:
            ledger = self._ledgers.setdefault((row.id, state.attempt, state.step), _Ledger({}))
            ledger.counted = (state.mirror_cost, state.mirror_tokens)

    def _grant(self, boot_id: str, told: MirrorSpending) -> MirrorGrant | None:
        bounds = self._bounds_of(told)
        if bounds is None:
            return None
        ledger = self._ledgers.setdefault((told.release, told.attempt, told.step), _Ledger({}))
        account = ledger.accounts.setdefault(boot_id, _Account())
        account.spent = max(account.spent[0], told.cost), max(account.spent[1], told.tokens)
        live = self._live()
        free = (
            ledger.free(0, bounds.max_cost or 0, boot_id, live),
            ledger.free(1, bounds.max_tokens or 0, boot_id, live),
        )
        account.granted_before = account.granted
        account.granted = account.spent[0] + free[0] // 2, account.spent[1] + free[1] // 2
        return MirrorGrant(
            service=told.service,
            release=told.release,
            attempt=told.attempt,
            step=told.step,
            cost=account.granted[0],
            tokens=account.granted[1],
        )
