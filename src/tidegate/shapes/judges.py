"""Judges as the API tells them."""

from __future__ import annotations

from typing import Any

import msgspec


class JudgeCalibration(msgspec.Struct, frozen=True, kw_only=True):
    """A judge beside people who labelled the same answers by feedback of the judge's own name, from 0 to 1.

    Attributes:
        agreement: share on which both are on the same side of one half.
        kappa: Cohen's; ``None`` where chance alone would agree on everything.
        correction: mean of label minus score: what to add to the judge's mean.
    """

    labels: int
    agreement: float
    kappa: float | None
    correction: float


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """One judge and how it fares.

    Attributes:
        judged: verdicts, of the latest 5,000; ``versions`` of the judge gave them.
        mean: of their scores (a pair's win is 1, a tie one half, a loss 0); ``None`` without any.
        ties: share of the pairs on which the two orders disagreed, or neither was preferred.
        position_bias: how much more often it prefers the first place than the second, from -1 to 1; of pairs only.
        calibration: ``None`` without labels.
        failed: questions since control started that came to no verdict; ``problem`` is the latest.
        spent_usd: what its service has cost today.
    """

    name: str
    spec: dict[str, Any]
    judged: int
    versions: dict[str, int]
    mean: float | None
    ties: float | None
    position_bias: float | None
    calibration: JudgeCalibration | None
    failed: int
    problem: str
    spent_usd: float


class Judges(msgspec.Struct, frozen=True, kw_only=True):
    """Every judge, by name."""

    items: tuple[Judge, ...]
    next: str | None
