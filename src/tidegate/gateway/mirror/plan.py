"""What a routing table says of one service's mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mmh3

if TYPE_CHECKING:
    from tidegate.delivery.mirroring import Mirroring
    from tidegate.gateway.mirror.tally import MirrorKey
    from tidegate.gateway.table import Arm, Leg
    from tidegate.gateway.upstreams import Load

_SEED = 0x6D6972  # other points than assignment's, which has none
_WHOLE = 10_000


class MirrorPlan:
    """Which requests are copied, and to whom.

    Attributes:
        arm: the candidate with a breaker and a load of its own, and nobody to rescue it.
        users: the load that users put on the same provider.
    """

    __slots__ = ("arm", "key", "mirroring", "users")

    def __init__(self, key: MirrorKey, arm: Arm, mirroring: Mirroring, users: Load) -> None:
        self.key = key
        self.arm = arm
        self.mirroring = mirroring
        self.users = users

    @property
    def is_shown(self) -> bool:
        """Whether the second answer is for the user, beside stable's."""
        return self.mirroring.patience is not None

    @property
    def is_provider_busy(self) -> bool:
        """Whether users need the places at the provider: half of them are theirs alone, where nobody sees the second
        answers; side by side, both answers of one request must have a place."""
        bound, load = self.users.bound, self.leg.account.load
        if load is self.users:
            return bool(bound) and load.in_flight + 2 > bound
        return bool(bound) and 2 * (self.users.in_flight + load.in_flight) >= bound

    @property
    def leg(self) -> Leg:
        """The one that is asked."""
        return self.arm.order[0]

    def samples(self, request_id: str) -> bool:
        """Whether a request is copied, by its id alone: the same answer whenever it is asked.

        By request and not by unit: both answers come from one request, so pairs are exchangeable whatever the
        unit, and a few busy units cannot be all that is seen.
        """
        point = (mmh3.hash(request_id, _SEED, signed=False) * _WHOLE) >> 32
        return point < self.mirroring.share
