"""Shares a mirror's money and tokens out over gateways, so that together they never spend more than declared."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import NamedTuple

from tidegate.controller.slices import Ledger
from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.snapshot import Heartbeat, MirrorGrant, MirrorSpending
from tidegate.registry.releases import ReleaseRow

_Step = tuple[str, int, int]  # release, attempt, step


class _Ledgers(NamedTuple):
    """One step."""

    cost: Ledger
    tokens: Ledger


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
        self._ledgers: dict[_Step, _Ledgers] = {}

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
            ledgers = self._of((row.id, state.attempt, state.step))
            ledgers.cost.counted, ledgers.tokens.counted = state.mirror_cost, state.mirror_tokens

    def _of(self, step: _Step) -> _Ledgers:
        return self._ledgers.setdefault(step, _Ledgers(Ledger(), Ledger()))

    def _grant(self, boot_id: str, told: MirrorSpending) -> MirrorGrant | None:
        bounds = self._bounds_of(told)
        if bounds is None:
            return None
        ledgers, live = self._of((told.release, told.attempt, told.step)), self._live()
        return MirrorGrant(
            service=told.service,
            release=told.release,
            attempt=told.attempt,
            step=told.step,
            cost=ledgers.cost.grant(boot_id, told.cost, bounds.max_cost or 0, live),
            tokens=ledgers.tokens.grant(boot_id, told.tokens, bounds.max_tokens or 0, live),
        )
