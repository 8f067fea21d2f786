"""Alternating turns: within a conversation each version answers every other user message, in an order that is random anew
for each two of them.

So every conversation of two turns or more has heard both, and neither is favoured by coming first. A later turn reads
what the other version said before it: what carries over is shared by both, and makes a difference look smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.gateway.units import user_turns
from tidegate.wire.kinds import Kind

if TYPE_CHECKING:
    from tidegate.delivery.snapshot import ServiceRoute
    from tidegate.delivery.traffic import Arms
    from tidegate.gateway.call import Call

_WITH_TURNS = frozenset({Kind.CHAT, Kind.MESSAGES})
"""Whose requests bring the whole conversation, so that any version can go on with it."""


class TurnPlan:
    """What a routing table says of a service whose turns alternate; stands where other releases have their pins.

    Args:
        route: with two variants.
        weights: halves; throw the coin of each two turns.
    """

    __slots__ = ("_assign", "_stable")
    key = None
    """No pins are kept."""

    def __init__(self, route: ServiceRoute, weights: Arms) -> None:
        self._assign = weights.assign
        self._stable = next(index for index, variant in enumerate(route.variants) if variant.name == route.stable)

    def keep(self, call: Call, kind: str, index: int) -> int:
        """The variant of this turn.

        Args:
            kind: of the unit; a request that belongs to no conversation keeps ``index``, which is its own coin.
        """
        if call.kind not in _WITH_TURNS:
            call.propensity = TOTAL_WEIGHT
            return self._stable
        if kind == "request":
            return index
        two, second = divmod(max(0, user_turns(call.body) - 1), 2)
        coin = self._assign(f"{call.unit_hash}:{two}").arm
        return 1 - coin if second else coin

    def remember(self, call: Call) -> None:
        """Nothing: the conversation says itself how far it is."""
