"""The end of an epoch: from counts to the next round, or to staying with the present one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from tidegate.delivery.experiments.bandit.allocation import chances, limited, wanted
from tidegate.delivery.experiments.bandit.rewards import prediction, reward_of, sights
from tidegate.delivery.experiments.bandit.reweighting import Reweighting
from tidegate.delivery.experiments.progress import Experiment, Learning
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.release import STABLE, ReleaseState
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.delivery.snapshot import TOTAL_WEIGHT

SMALLEST_CHANGE = 100
"""Basis points: when no variant's weight would change by so much, the weights stay, and the round goes on."""


class Reckoning(NamedTuple):
    """What an epoch comes to.

    Attributes:
        experiment: as it is kept from now on.
        points: basis points of every variant in the round that begins; ``None`` when none does.
        best: the probability that each is the best one, ``None`` while too little is known.
    """

    experiment: Experiment
    points: Mapping[str, int] | None
    best: Mapping[str, float] | None


def reckon(
    state: ReleaseState, objective: GuardrailSpec, rule: Reweighting, counts: Sequence[StepCounts], now: datetime
) -> Reckoning:
    """The next weights, by everything counted so far; the same counts give the same weights.

    Args:
        state: with its experiment.
        objective: the reward.
    """
    experiment = state.experiment
    assert experiment is not None, "only an experiment has epochs"
    reward = reward_of(objective, rule.cost_weight)
    rounds, variants = sights(experiment, state.attempt, counts), (STABLE, *state.on_trial)
    before = rounds[-1].shares
    wish = wanted(rule.algorithm, reward, variants, rounds) or _kept(before, variants)
    points = limited(wish, before, rule)
    known = experiment.learning or Learning()
    learning = msgspec.structs.replace(known, epoch_at=now, epochs=known.epochs + 1)
    if not _is_change(points, before):
        return Reckoning(msgspec.structs.replace(experiment, learning=learning), None, None)
    expected = prediction(reward, rounds) if reward.is_bounded else 0.0
    learning = msgspec.structs.replace(
        learning, began=(*learning.began, now), predicted=(*learning.predicted, expected)
    )
    arms = {arm: points[arm] for arm in state.on_trial}
    entered = msgspec.structs.replace(experiment, shares=(*experiment.shares, arms), round_at=now, learning=learning)
    return Reckoning(entered, points, chances(reward, variants, rounds))


def _kept(before: Mapping[str, float], variants: Sequence[str]) -> dict[str, float]:
    """The shares as they are, of those that are left."""
    whole = sum(before[variant] for variant in variants)
    return {variant: before[variant] / whole for variant in variants}


def _is_change(points: Mapping[str, int], before: Mapping[str, float]) -> bool:
    """An arm that is gone gives its weight away at once; else only what is worth a round."""
    moved = (abs(weight - before[variant] * TOTAL_WEIGHT) for variant, weight in points.items())
    return set(points) != set(before) or max(moved) >= SMALLEST_CHANGE
