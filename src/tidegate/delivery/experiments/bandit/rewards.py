"""The reward of a bandit, read from counts: what is added up of each variant in each round.

A reward is the mean of one metric, larger being better: of a rate the share of answers without the harmful event, of what
is better when it is less (cost, latency) the negative. A cost weight takes off what answers cost. A reward that arrives late
is in the counts of the round its unit was drawn in, and is used with that round's own propensities.

Estimates weigh each reward by one over the propensity it was drawn with, so that every variant's mean is one over the same
stretch of time, whoever had how much of it: rewards that drift by day and night favour nobody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tidegate.delivery.evidence.measures import Quantity, Quotient, Rate, Score
from tidegate.delivery.evidence.metrics import FEEDBACK, METRICS, Harm, metric_of
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.bandit.declared import RewardSpec
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.release import STABLE, Experiment
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.errors import InternalError
from tidegate.stats.distribution import Distribution

UNKNOWN = 0.5  # predicted of a bounded reward before anything is known


class Part(NamedTuple):
    """One sum that a reward is made of.

    Attributes:
        of: its values, as integers.
        scale: of these in one unit of the metric.
        factor: reward for one unit of the metric.
    """

    of: Callable[[Summary], Distribution]
    scale: float
    factor: float


class Reward(NamedTuple):
    """How a reward is read.

    Attributes:
        parts: it is the sum of their means.
        is_bounded: it lies within [0, 1], one part alone.
        is_binary: and is 0 or 1.
    """

    parts: tuple[Part, ...]
    is_bounded: bool
    is_binary: bool


class Estimate(NamedTuple):
    """A variant's mean reward.

    Attributes:
        mean: NaN without rewards.
        error: of the mean, infinite with fewer than two rewards of any part.
        rewards: how many, of the part with the fewest.
        effective: rewards of a sample drawn evenly that would say as much.
    """

    mean: float
    error: float
    rewards: int
    effective: float


class Sight(NamedTuple):
    """One round: the propensity of each variant, and what was seen of it."""

    number: int
    shares: Mapping[str, float]
    seen: Mapping[str, Summary]


def objective_of(declared: RewardSpec) -> GuardrailSpec:
    """The reward as the experiment's first objective; ``declared.metric`` is a known one."""
    is_quantity = declared.metric in METRICS and isinstance(METRICS[declared.metric].measure, Quantity)
    return GuardrailSpec(metric=declared.metric, stat="mean" if is_quantity else declared.stat)


def reward_of(objective: GuardrailSpec, cost_weight: float) -> Reward:
    """How to read it.

    Args:
        objective: the first of the experiment.
        cost_weight: taken off for each US dollar.
    """
    metric = metric_of(objective)
    way = 1.0 if metric.harm is Harm.DECREASE else -1.0
    match metric.measure:
        case Rate() as rate:
            first, is_bounded, is_binary = Part(lambda s: _good(rate, s), 1.0, 1.0), True, True
        case Score(of, scale):
            first, is_bounded, is_binary = Part(of, scale, way), not objective.metric.startswith(FEEDBACK), False
        case Quantity() as quantity:
            first, is_bounded, is_binary = Part(quantity.of, quantity.scale, way), False, False
        case Quotient():
            raise InternalError(f"{objective.metric} is no reward")
    if not cost_weight:
        return Reward((first,), is_bounded, is_binary)
    cost = METRICS["cost_per_request"].measure
    assert isinstance(cost, Quantity)
    return Reward((first, Part(cost.of, cost.scale, -cost_weight)), is_bounded=False, is_binary=False)


def sights(experiment: Experiment, attempt: int, counts: Sequence[StepCounts]) -> list[Sight]:
    """Every round of the step, oldest first."""
    known = {
        (each.round, each.variant): each.compared
        for each in counts
        if (each.attempt, each.step) == (attempt, experiment.step)
    }
    found = []
    for number, points in enumerate(experiment.shares):
        drawn = {STABLE: TOTAL_WEIGHT - sum(points.values())} | points
        shares = {variant: weight / TOTAL_WEIGHT for variant, weight in drawn.items() if weight}
        found.append(Sight(number, shares, {variant: known.get((number, variant), Summary()) for variant in shares}))
    return found


def estimate(reward: Reward, variant: str, rounds: Sequence[Sight]) -> Estimate:
    """The mean reward of a variant over the rounds it took part in, by inverse propensity."""
    own = [(sight.shares[variant], sight.seen[variant]) for sight in rounds if variant in sight.shares]
    means, variances, counts, effective = 0.0, 0.0, [], []
    for part in reward.parts:
        total = weight = square = spent = 0.0
        count = 0
        for share, seen in own:
            values = part.of(seen)
            count += values.count
            weight, spent = weight + values.count / share, spent + values.count / share**2
            total, square = total + values.total / part.scale / share, square + values.squares / part.scale**2 / share
        if count < 1:
            return Estimate(math.nan, math.inf, 0, 0.0)
        mean = total / weight
        of_use = weight * weight / spent
        spread = max(0.0, square / weight - mean * mean)
        means += part.factor * mean
        variances += part.factor**2 * spread / (of_use - 1) if count > 1 and of_use > 1 else math.inf
        counts.append(count)
        effective.append(of_use)
    return Estimate(means, math.sqrt(variances), min(counts), min(effective))


def prediction(reward: Reward, rounds: Sequence[Sight]) -> float:
    """What a bounded reward will be, from everything known now; it is fixed for the round that begins."""
    (part,) = reward.parts
    values = [part.of(seen) for sight in rounds for seen in sight.seen.values()]
    total, count = sum(each.total for each in values) / part.scale, sum(each.count for each in values)
    return round((total + UNKNOWN) / (count + 1), 4)


def _good(rate: Rate, summary: Summary) -> Distribution:
    """Answers without the harmful event, as zeros and ones."""
    trials = rate.trials(summary)
    good = trials - rate.events(summary)
    return Distribution(count=trials, total=good, squares=good)
