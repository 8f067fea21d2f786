"""One objective of one arm against control: effect, interval, evidence, probability; valid at every look.

- rates that gateways measure (errors, timeouts, refusals): by predicting the arms of the events
  (:mod:`~tidegate.stats.arm_prediction`), strata multiplied; the interval is asymptotic and shown with enough events;
- what people, programs and judges said, and means: differences within each round, weighted by their information (:mod:`~tidegate.stats.asymptotic`);
- quantiles: the log of their ratio, asymptotic, from 10 values beyond the quantile in each arm.

E-values of both directions are at hand at every look; the two-sided one is their mean and p its inverse. The
probability of being better is that of a normal posterior under a flat prior: for people, nothing is decided by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from functools import reduce
from operator import add
from typing import NamedTuple

import msgspec

from tidegate.delivery.evidence.metrics import (
    FEEDBACK,
    JUDGE,
    QUANTILES,
    Harm,
    Quantity,
    Quotient,
    Rate,
    Score,
    metric_name,
    metric_of,
)
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.errors import InternalError
from tidegate.stats import arm_prediction, asymptotic, comparison
from tidegate.stats.arm_prediction import Stratum
from tidegate.stats.asymptotic import MINIMUM_EVENTS, MINIMUM_VALUES, Effect, Pair
from tidegate.stats.distribution import Distribution

_HORIZON = 20  # times min_samples: where asymptotic bounds are tightest
_MOST = 700.0  # exp() of more overflows


class Standing(StrEnum):
    """What the evidence says of an arm's objective."""

    BETTER = "better"
    WORSE = "worse"  # by more than its margin
    NO_WORSE = "no_worse"  # surely within its margin, and not surely better
    UNDECIDED = "undecided"
    NO_DATA = "no_data"


class Round(NamedTuple):
    """Both sides of one round; of the units that one of the two got, ``share`` was the arm's probability."""

    share: float
    arm: Summary
    control: Summary


class ArmEffect(msgspec.Struct, frozen=True, kw_only=True):
    """One objective of one arm.

    Attributes:
        metric: with its statistic.
        variant: the arm.
        better: which way is better.
        estimate, control_estimate: in the metric's own unit, ``None`` without data.
        effect: arm minus control; ``lower`` and ``upper`` hold at every look, each at the shared level.
        lift: the effect in parts of control's value.
        probability: of being better than control.
        e_value: against "no difference"; ``p_value`` is its inverse, at most 1.
        samples, control_samples: units, or values, that it rests on.
    """

    metric: str
    variant: str
    better: str
    standing: Standing
    estimate: float | None = None
    control_estimate: float | None = None
    effect: float | None = None
    lower: float | None = None
    upper: float | None = None
    lift: float | None = None
    lift_lower: float | None = None
    lift_upper: float | None = None
    probability: float | None = None
    e_value: float = 1.0
    p_value: float = 1.0
    samples: int = 0
    control_samples: int = 0


class _Found(NamedTuple):
    """A comparison in the metric's own direction: ``effect`` is arm minus control."""

    estimate: float
    control: float
    effect: Effect
    error: float  # standard error of the effect
    log_higher: float  # log E of "arm is higher"
    log_lower: float
    samples: tuple[int, int]


def arm_effect(
    objective: GuardrailSpec, variant: str, rounds: Sequence[Round], *, alpha: float, least: int
) -> ArmEffect:
    """What is known of one objective of one arm.

    Args:
        rounds: oldest first.
        alpha: of each bound and each direction, shared over arms and objectives by the caller.
        least: units that each side needs.
    """
    horizon = _HORIZON * max(least, MINIMUM_VALUES)
    match metric_of(objective).reading:
        case Rate() as rate if is_said(objective):
            found = _differences([_events(rate, each) for each in rounds], 1.0, alpha, horizon)
        case Rate() as rate:
            found = _rates(rate, rounds, alpha, horizon)
        case Quantity() as quantity if objective.stat in QUANTILES:
            found = _quantiles(quantity, QUANTILES[objective.stat], rounds, alpha, horizon)
        case Quantity() | Score() as reading:
            pairs = [Pair(reading.of(each.arm), reading.of(each.control)) for each in rounds]
            found = _differences(pairs, reading.scale, alpha, horizon)
        case Quotient():
            raise InternalError(f"{objective.metric} is no objective of an experiment")
    return _told(objective, variant, found, alpha, least)


def is_said(objective: GuardrailSpec) -> bool:
    """Whether people, programs or judges said it of answers, rather than gateways measured it."""
    return objective.metric.startswith((FEEDBACK, JUDGE))


def sign(objective: GuardrailSpec) -> int:
    """1 where higher is better, else -1."""
    return 1 if metric_of(objective).harm is Harm.DECREASE else -1


def margin(objective: GuardrailSpec) -> float | None:
    """How much worse is no harm: points for shares, relative for everything else; ``None`` asks for better."""
    ratio = None if objective.max_ratio is None else objective.max_ratio - 1
    given = (
        (objective.max_change, objective.max_decrease)
        if sign(objective) > 0
        else (objective.max_change, objective.max_increase, ratio)
    )
    known = [float(each) for each in given if each is not None]
    return min(known) if known else None


def _events(rate: Rate, each: Round) -> Pair:
    """A rate as zeros and ones, of the harmful events or, where the metric is about good ones, of those."""
    return Pair(*(_share(rate, side) for side in (each.arm, each.control)))


def _share(rate: Rate, side: Summary) -> Distribution:
    trials = rate.trials(side)
    counted = trials - rate.events(side) if rate.is_of_good else rate.events(side)
    return Distribution(count=trials, total=counted, squares=counted)


def _rates(rate: Rate, rounds: Sequence[Round], alpha: float, horizon: int) -> _Found:
    """Harmful events by their arms; a share of good ones is told as that, so more harm is lower."""
    strata = [
        Stratum(
            each.share,
            rate.events(each.arm),
            rate.trials(each.arm),
            rate.events(each.control),
            rate.trials(each.control),
        )
        for each in rounds
    ]
    harm, safety = arm_prediction.log_evidence_of_harm(strata), arm_prediction.log_evidence_of_safety(strata, 1.0)
    higher, lower = (safety, harm) if rate.is_of_good else (harm, safety)
    pairs = [_events(rate, each) for each in rounds]
    found = _differences(pairs, 1.0, alpha, horizon)
    (of_arm, n), (of_control, m) = (_totals(pairs, side) for side in (0, 1))
    if min(of_arm, of_control, n - of_arm, m - of_control) < MINIMUM_EVENTS:
        found = found._replace(effect=comparison.difference_of_rates((of_arm, n), (of_control, m), alpha))
    return found._replace(log_higher=higher, log_lower=lower)


def _totals(pairs: Sequence[Pair], side: int) -> tuple[int, int]:
    """Sum and number of the values of one side, over all rounds."""
    return sum(pair[side].total for pair in pairs), sum(pair[side].count for pair in pairs)


def _differences(pairs: Sequence[Pair], scale: float, alpha: float, horizon: int) -> _Found:
    (total, n), (beside, m) = (_totals(pairs, side) for side in (0, 1))
    value, base = (total / n / scale if n else math.nan), (beside / m / scale if m else math.nan)
    found = asymptotic.difference_of_means(pairs, alpha, horizon=horizon)
    effect = Effect(*(each / scale for each in found))
    if min(n, m) < MINIMUM_VALUES:
        return _Found(value, base, Effect(effect.estimate, -math.inf, math.inf), math.inf, 0.0, 0.0, (n, m))
    error = (effect.upper - effect.estimate) / asymptotic.critical(n + m, alpha, horizon=horizon)
    return _with_evidence(value, base, effect, error, (n, m), alpha, horizon)


def _quantiles(metric: Quantity, q: float, rounds: Sequence[Round], alpha: float, horizon: int) -> _Found:
    """On the scale of logs, told as a difference around control's value."""
    arm, control = (metric.tail(reduce(add, sides, Summary())) for sides in zip(*(r[1:] for r in rounds), strict=True))
    logs = comparison.log_ratio_of_quantiles(arm, control, q, alpha, horizon=horizon)
    samples = arm.size, control.size
    value, base = (tail.quantile(q) / metric.scale if tail.size else math.nan for tail in (arm, control))
    effect = Effect(*(base * math.expm1(min(log, 50.0)) for log in logs))
    if not math.isfinite(logs.upper):
        return _Found(value, base, effect, math.inf, 0.0, 0.0, samples)
    error = (logs.upper - logs.estimate) / asymptotic.critical(sum(samples), alpha, horizon=horizon)
    return _with_evidence(value, base, logs, error, samples, alpha, horizon)._replace(effect=effect, error=base * error)


def _with_evidence(
    value: float, base: float, effect: Effect, error: float, samples: tuple[int, int], alpha: float, horizon: int
) -> _Found:
    z = effect.estimate / error if error else math.copysign(math.inf, effect.estimate) if effect.estimate else 0.0
    z = max(-1e6, min(1e6, z))
    higher, lower = (asymptotic.log_evidence_above(way * z, sum(samples), alpha, horizon=horizon) for way in (1, -1))
    return _Found(value, base, effect, error, higher, lower, samples)


def _told(objective: GuardrailSpec, variant: str, found: _Found, alpha: float, least: int) -> ArmEffect:
    e_value = (math.exp(min(found.log_higher, _MOST)) + math.exp(min(found.log_lower, _MOST))) / 2
    z = sign(objective) * found.effect.estimate / found.error if found.error else 0.0
    lifts = [_over(value, found.control) for value in found.effect]
    return ArmEffect(
        metric=metric_name(objective),
        variant=variant,
        better="higher" if sign(objective) > 0 else "lower",
        standing=_standing(objective, found, alpha, least),
        estimate=_finite(found.estimate),
        control_estimate=_finite(found.control),
        effect=_finite(found.effect.estimate),
        lower=_finite(found.effect.lower),
        upper=_finite(found.effect.upper),
        lift=lifts[0],
        lift_lower=lifts[1],
        lift_upper=lifts[2],
        probability=None if not math.isfinite(z) or math.isinf(found.error) else math.erfc(-z / math.sqrt(2)) / 2,
        e_value=e_value,
        p_value=min(1.0, 1 / e_value) if e_value else 1.0,
        samples=found.samples[0],
        control_samples=found.samples[1],
    )


def _standing(objective: GuardrailSpec, found: _Found, alpha: float, least: int) -> Standing:
    """Better and worse by the e-values; within a margin by the bounds."""
    if min(found.samples) < max(1, least):
        return Standing.NO_DATA
    enough = -math.log(alpha)
    better, worse = (found.log_higher, found.log_lower) if sign(objective) > 0 else (found.log_lower, found.log_higher)
    if better >= enough:
        return Standing.BETTER
    allowed = margin(objective)
    if allowed is None:
        return Standing.WORSE if worse >= enough else Standing.UNDECIDED
    low, high = _harm(objective, found)
    if low > allowed:
        return Standing.WORSE
    return Standing.NO_WORSE if high < allowed else Standing.UNDECIDED


def _harm(objective: GuardrailSpec, found: _Found) -> tuple[float, float]:
    """Bounds of how much worse: points for shares, relative for everything else."""
    scale = 1.0 if metric_of(objective).unit == "share" else abs(found.control) or math.nan
    lower, upper = found.effect.lower / scale, found.effect.upper / scale
    return (-upper, -lower) if sign(objective) > 0 else (lower, upper)


def _over(value: float, base: float) -> float | None:
    return _finite(value / base) if base and math.isfinite(base) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
