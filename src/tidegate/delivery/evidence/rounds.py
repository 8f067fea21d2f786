"""An arm and what it is compared with, one setting of weights at a time."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.delivery.evidence.summary import Summary


class Round(NamedTuple):
    """Both sides of one round; of the units that one of the two got, ``share`` was the arm's probability."""

    share: float
    arm: Summary
    control: Summary
    number: int = 0
