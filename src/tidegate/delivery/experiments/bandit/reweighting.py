"""How the weights of a step follow its rewards: what a program holds of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.delivery.quantities import Seconds, Share

Algorithm = Literal["thompson", "top_two", "track_and_stop"]


class Reweighting(msgspec.Struct, frozen=True, kw_only=True):
    """New weights at each epoch.

    Attributes:
        algorithm: who gets how much.
        floor, ceiling: of every variant, control too.
        max_change: of a variant's share from one setting of weights to the next.
        reward: name of the metric that they follow.
        epoch: how long the weights stand at least.
        cost_weight: of the reward, taken off for each US dollar that an answer costs.
    """

    algorithm: Algorithm
    reward: str
    floor: Share
    ceiling: Share
    max_change: Share
    epoch: Seconds
    cost_weight: float = 0.0
