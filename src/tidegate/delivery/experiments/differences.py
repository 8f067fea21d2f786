"""How an arm differs from control in one metric: estimate, bounds, and evidence of either direction.

- rates that gateways measure (errors, timeouts, refusals): by predicting the arms of the events
  (:mod:`~tidegate.stats.arm_prediction`), strata multiplied; the interval is asymptotic and shown with enough events;
- what people, programs and judges said, and means: differences within each round, weighted by their information
  (:mod:`~tidegate.stats.asymptotic`);
- quantiles: by predicting the arms of what exceeds a frozen threshold; the log of their ratio is shown beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

from tidegate.delivery.evidence.exceeding import Since
from tidegate.delivery.evidence.measures import QUANTILES, Quantity, Quotient, Rate, Score
from tidegate.delivery.evidence.metrics import FEEDBACK, JUDGE, metric_of
from tidegate.delivery.evidence.rounds import Round
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.progress import Threshold
from tidegate.delivery.experiments.thresholds import Tails, exceedances
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.delivery.snapshot import STABLE
from tidegate.errors import InternalError
from tidegate.stats import arm_prediction, asymptotic, comparison
from tidegate.stats.arm_prediction import Stratum
from tidegate.stats.asymptotic import MINIMUM_EVENTS, MINIMUM_VALUES, Effect, Pair
from tidegate.stats.comparison import Tail
from tidegate.stats.distribution import Distribution

_RARE = 0.95  # quantiles from here on are exceeded so rarely that only exceedances tell anything
_FARTHEST = 50.0  # log ratio beyond which a bound is none
_HORIZON = 20  # times min_samples: where asymptotic bounds are tightest


class Difference(NamedTuple):
    """A comparison in the metric's own direction.

    Attributes:
        estimate, control: values in the metric's unit; not a number without data.
        effect: arm minus control.
        error: standard error of the effect, infinite while there is none.
        log_higher, log_lower: log E of "the arm is higher" and of "it is lower".
        samples: values of the arm and of control.
        log_beyond, log_within: log E of "it is higher by more than the margin" and of "by less", where that is tested
            rather than read off the bounds.
    """

    estimate: float
    control: float
    effect: Effect
    error: float
    log_higher: float
    log_lower: float
    samples: tuple[int, int]
    log_beyond: float | None = None
    log_within: float | None = None


def difference(
    objective: GuardrailSpec,
    rounds: Sequence[Round],
    *,
    alpha: float,
    least: int,
    threshold: Threshold | None = None,
    variant: str = "",
    margin: float | None = None,
) -> Difference:
    """One objective of one arm.

    Args:
        rounds: oldest first.
        alpha: of each bound.
        least: units that each side needs.
        threshold: of a quantile; without one there is no evidence yet.
        variant: the arm, whose values the threshold has set aside.
        margin: of a quantile, relative.
    """
    horizon = horizon_of(least)
    match metric_of(objective).measure:
        case Rate() as rate if is_said(objective):
            return _differences([_events(rate, each) for each in rounds], 1.0, alpha, horizon)
        case Rate() as rate:
            return _rates(rate, rounds, alpha, horizon)
        case Quantity() as quantity if objective.stat in QUANTILES:
            q = QUANTILES[objective.stat]
            shown = _quantiles(quantity, q, rounds, alpha, horizon)
            if threshold is None:
                return shown
            return _with_exceedances(shown, _evident(quantity, rounds, threshold, variant), q, threshold.value, margin)
        case Quantity() | Score() as measure:
            pairs = [Pair(measure.of(each.arm), measure.of(each.control)) for each in rounds]
            return _differences(pairs, measure.scale, alpha, horizon)
        case Quotient():
            raise InternalError(f"{objective.metric} is no objective of an experiment")


def horizon_of(least: int) -> int:
    """Values at which asymptotic bounds are tightest, where each side needs ``least``."""
    return _HORIZON * max(least, MINIMUM_VALUES)


def is_said(objective: GuardrailSpec) -> bool:
    """Whether people, programs or judges said it of answers, rather than gateways measured it. Who says something is
    no coin of the arm's share, so the arm of an opinion cannot be predicted."""
    return objective.metric.startswith((FEEDBACK, JUDGE))


def _events(rate: Rate, each: Round) -> Pair:
    """A rate as zeros and ones, of the harmful events or, where the metric is about good ones, of those."""
    return Pair(*(_share(rate, side) for side in (each.arm, each.control)))


def _share(rate: Rate, side: Summary) -> Distribution:
    trials = rate.trials(side)
    counted = trials - rate.events(side) if rate.is_of_good else rate.events(side)
    return Distribution(count=trials, total=counted, squares=counted)


def _rates(rate: Rate, rounds: Sequence[Round], alpha: float, horizon: int) -> Difference:
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


def _differences(pairs: Sequence[Pair], scale: float, alpha: float, horizon: int) -> Difference:
    (total, n), (beside, m) = (_totals(pairs, side) for side in (0, 1))
    value, base = (total / n / scale if n else math.nan), (beside / m / scale if m else math.nan)
    found = asymptotic.difference_of_means(pairs, alpha, horizon=horizon)
    effect = Effect(*(each / scale for each in found))
    if min(n, m) < MINIMUM_VALUES:
        return Difference(value, base, Effect(effect.estimate, -math.inf, math.inf), math.inf, 0.0, 0.0, (n, m))
    error = (effect.upper - effect.estimate) / asymptotic.critical(n + m, alpha, horizon=horizon)
    higher, lower = (
        asymptotic.log_evidence_above(z, n + m, alpha, horizon=horizon) for z in _both_ways(effect.estimate, error)
    )
    return Difference(value, base, effect, error, higher, lower, (n, m))


def _both_ways(estimate: float, error: float) -> tuple[float, float]:
    """How many standard errors the estimate lies above 0, and below it; far is far enough."""
    z = estimate / error if error else math.copysign(math.inf, estimate) if estimate else 0.0
    z = max(-1e6, min(1e6, z))
    return z, -z


def _quantiles(metric: Quantity, q: float, rounds: Sequence[Round], alpha: float, horizon: int) -> Difference:
    """On the scale of logs, told as a difference around control's value; no evidence."""
    arm, control = (metric.tail(reduce(add, sides, Summary())) for sides in zip(*(r[1:3] for r in rounds), strict=True))
    logs = comparison.log_ratio_of_quantiles(arm, control, q, alpha, horizon=horizon)
    samples = arm.size, control.size
    value, base = (tail.quantile(q) / metric.scale if tail.size else math.nan for tail in (arm, control))
    effect = Effect(*(base * math.expm1(log) if log < _FARTHEST else math.inf for log in logs))
    error = math.inf
    if math.isfinite(logs.upper):
        error = base * (logs.upper - logs.estimate) / asymptotic.critical(sum(samples), alpha, horizon=horizon)
    return Difference(value, base, effect, error, 0.0, 0.0, samples)


def _evident(metric: Quantity, rounds: Sequence[Round], threshold: Threshold, variant: str) -> list[Tails]:
    """What came after the threshold was frozen."""

    def since(side: Summary, name: str, number: int) -> Since:
        tail = metric.tail(side)
        if number > threshold.round or name not in threshold.values:
            return Since(tail)
        return Since(tail, Tail(threshold.values[name], threshold.failures.get(name, 0)))

    return [
        Tails(each.share, since(each.arm, variant, each.number), since(each.control, STABLE, each.number))
        for each in rounds
        if each.number >= threshold.round
    ]


def _with_exceedances(
    shown: Difference, tails: Sequence[Tails], q: float, value: float, margin: float | None
) -> Difference:
    """The arm that exceeds the threshold more often has the higher quantile."""
    strata = exceedances(tails, value)
    found = shown._replace(log_higher=_more(strata, q), log_lower=_fewer(strata, q))
    if margin is None:
        return found
    surely, maybe = (exceedances(tails, value, factor=1 + margin, is_least=least) for least in (True, False))
    return found._replace(log_beyond=_more(surely, q), log_within=_fewer(maybe, q))


def _more(strata: Sequence[Stratum], q: float) -> float:
    """Evidence that the arm has more of the event; frequent events are told from the units without them, too."""
    if q >= _RARE:
        return arm_prediction.log_evidence_of_harm(strata)
    return arm_prediction.log_evidence_of_frequent_harm(strata, [1 - q] * len(strata))


def _fewer(strata: Sequence[Stratum], q: float) -> float:
    """That it has less: that control has more."""
    if q >= _RARE:
        return arm_prediction.log_evidence_of_safety(strata, 1.0)
    return _more(
        [
            Stratum(1 - s.share, s.stable_events, s.stable_trials, s.candidate_events, s.candidate_trials)
            for s in strata
        ],
        q,
    )
