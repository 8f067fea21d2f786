"""The course of a bandit: what each round gave to whom, what came back, and what learning has cost.

A variant's value is an augmented inverse-propensity estimate with bounds that hold at every look
(:mod:`~tidegate.stats.adaptive.weighting`, asymptotic): the plain mean of a variant that was given more after good luck
is too high. Of what is said, the propensity is the share in which rewards came. *Regret* is what users would have had
more of, had all of them got the variant that looks best now.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tidegate.delivery.experiments.bandit.allocation import chances
from tidegate.delivery.experiments.bandit.evidence import predicted, reward_name, rule_of
from tidegate.delivery.experiments.bandit.rewards import Part, Reward, Sight, reward_of, sights
from tidegate.delivery.experiments.differences import horizon_of, is_said
from tidegate.delivery.experiments.progress import Learning
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.release import STABLE, ReleaseState
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.stats.adaptive.weighting import ArmValue, Epoch, arm_value
from tidegate.stats.asymptotic import MINIMUM_VALUES, critical


class RoundCourse(msgspec.Struct, frozen=True, kw_only=True):
    """One round.

    Attributes:
        weights: variant -> basis points with which units were drawn, which are their propensities.
        units: drawn; ``rewards``: known of them; ``means``: of these, larger being better.
        predicted: the reward that was predicted when it began, ``None`` for rewards without bounds.
    """

    number: int
    began_at: datetime
    weights: dict[str, int]
    units: dict[str, int]
    rewards: dict[str, int]
    means: dict[str, float | None]
    predicted: float | None


class VariantCourse(msgspec.Struct, frozen=True, kw_only=True):
    """One variant over all rounds.

    Attributes:
        value: its mean reward, corrected for the weights that moved; bounds hold at every look, together with those of the
            other variants; ``None`` without enough rewards.
        best: the probability of being the best one, ``None`` of those that are gone or while too little is known.
        least, most: basis points it had.
    """

    variant: str
    value: float | None
    lower: float | None
    upper: float | None
    best: float | None
    units: int
    rewards: int
    least: int
    most: int


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        reward: its name, with what costs take off.
        epochs: how often weights were reckoned; ``epoch_at`` when last.
        regret: reward that users would have had more of with the variant that looks best, over all units; ``None`` while
            that cannot be said. ``regret_of_equal_shares``: with equal shares all the time.
    """

    reward: str
    epochs: int
    epoch_at: datetime | None
    variants: tuple[VariantCourse, ...]
    rounds: tuple[RoundCourse, ...]
    regret: float | None
    regret_of_equal_shares: float | None


def course(spec: ReleaseSpec, state: ReleaseState, counts: Sequence[StepCounts], least: int) -> Course | None:
    """The course so far; ``None`` of what is no bandit.

    Args:
        least: rewards that each variant needs.
    """
    experiment = state.experiment
    rule = None if experiment is None else rule_of(spec, experiment)
    if experiment is None or rule is None:
        return None
    objective, learning = spec.objectives[0], experiment.learning or Learning()
    reward, seen = reward_of(objective, rule.cost_weight), sights(experiment, state.attempt, counts)
    began = (_began(state), *learning.began)
    variants = (STABLE, *state.arms)
    best = chances(reward, (STABLE, *state.on_trial), seen) or {}
    alpha, horizon = spec.analysis.alpha / len(variants), horizon_of(least)
    found = tuple(
        _variant(reward, name, seen, best.get(name), alpha, horizon, is_drawn=not is_said(objective))
        for name in variants
    )
    regret, of_equal = _regret(found, seen)
    return Course(
        reward=reward_name(objective, rule.cost_weight),
        epochs=learning.epochs,
        epoch_at=learning.epoch_at,
        variants=found,
        rounds=tuple(
            _round(reward, sight, at, predicted(experiment, sight.number) if reward.is_bounded else None)
            for sight, at in zip(seen, began, strict=True)
        ),
        regret=regret,
        regret_of_equal_shares=of_equal,
    )


def _began(state: ReleaseState) -> datetime:
    assert state.experiment is not None
    window = state.windows.get(f"{state.experiment.step}.0")
    return state.window_opened_at or state.experiment.round_at if window is None else window.opened_at


def _round(reward: Reward, sight: Sight, began_at: datetime, expected: float | None) -> RoundCourse:
    return RoundCourse(
        number=sight.number,
        began_at=began_at,
        weights={variant: round(share * TOTAL_WEIGHT) for variant, share in sight.shares.items()},
        units={variant: seen.units for variant, seen in sight.seen.items()},
        rewards={variant: min(part.of(seen).count for part in reward.parts) for variant, seen in sight.seen.items()},
        means={variant: _mean(reward, sight, variant) for variant in sight.shares},
        predicted=expected,
    )


def _mean(reward: Reward, sight: Sight, variant: str) -> float | None:
    values = [(part, part.of(sight.seen[variant])) for part in reward.parts]
    if not all(each.count for _, each in values):
        return None
    return sum(part.factor * each.total / each.count / part.scale for part, each in values)


def _variant(
    reward: Reward,
    variant: str,
    seen: Sequence[Sight],
    best: float | None,
    alpha: float,
    horizon: int,
    *,
    is_drawn: bool,
) -> VariantCourse:
    own = [sight for sight in seen if variant in sight.shares]
    values = [(part, arm_value(_epochs(part, variant, own, is_drawn=is_drawn))) for part in reward.parts]
    rewards = min(sum(part.of(sight.seen[variant]).count for sight in own) for part in reward.parts)
    value, low, high = _bounds(values, rewards, alpha, horizon)
    if reward.is_bounded and low is not None and high is not None:
        low, high = max(0.0, low), min(1.0, high)
    points = [round(sight.shares[variant] * TOTAL_WEIGHT) for sight in own]
    return VariantCourse(
        variant=variant,
        value=value,
        lower=low,
        upper=high,
        best=best,
        units=sum(sight.seen[variant].units for sight in own),
        rewards=rewards,
        least=min(points),
        most=max(points),
    )


def _epochs(part: Part, variant: str, own: Sequence[Sight], *, is_drawn: bool) -> list[Epoch]:
    """Rounds as epochs of known rewards; those in which the variant has none tell nothing of it."""
    found = []
    for sight in own:
        values = {name: part.of(seen) for name, seen in sight.seen.items()}
        mine, units = values[variant], sum(each.count for each in values.values())
        if mine.count:
            share = sight.shares[variant] / sum(sight.shares.values()) if is_drawn else mine.count / units
            total, squares = mine.total / part.scale, mine.squares / part.scale**2
            found.append(Epoch(units, share, mine.count, total, squares))
    return found


def _bounds(
    values: Sequence[tuple[Part, ArmValue]], rewards: int, alpha: float, horizon: int
) -> tuple[float | None, float | None, float | None]:
    value = sum(part.factor * each.estimate for part, each in values)
    error = sum(abs(part.factor) * each.standard_error for part, each in values)
    if not math.isfinite(value):
        return None, None, None
    if rewards < MINIMUM_VALUES or not math.isfinite(error):
        return value, None, None
    reach = error * critical(rewards, alpha, horizon=horizon, is_two_sided=True)
    return value, value - reach, value + reach


def _regret(found: Sequence[VariantCourse], seen: Sequence[Sight]) -> tuple[float | None, float | None]:
    values: Mapping[str, float] = {each.variant: each.value for each in found if each.value is not None}
    if len(values) < len(found):
        return None, None
    top = max(values.values())
    regret = equal = 0.0
    for sight in seen:
        units = sum(each.units for each in sight.seen.values())
        regret += sum(each.units * (top - values[variant]) for variant, each in sight.seen.items())
        equal += units * (top - sum(values[variant] for variant in sight.shares) / len(sight.shares))
    return regret, equal
