"""What the counts say of the candidate against concurrent stable, in one step with one share.

Three kinds of guardrails, each by the method that keeps its promise at every look:

- a rate with a margin in points: the difference of two one-arm bounds (``stats.comparison``), which a flawless arm
  can pass; one as a ratio, or with no tolerance at all: the arms of the events predicted (``stats.arm_prediction``);
- a quantile: exceedances of a threshold that was frozen beforehand. The candidate is worse by more than 15 % when it
  exceeds 1.15 x0 more often than stable exceeds x0. Failed requests exceed everything;
- a mean, a score or a ratio of sums: the log of candidate's over stable's (``stats.asymptotic``, ``stats.ratio``),
  from 100 values in each arm.

Rates of good answers are judged by the answers that are not: 2 points less of the good are 2 points more of the bad.
To fail, harm must be surely above the margin at the guardrail's part of alpha; to pass, surely below it at alpha.

While weights move (a bandit), rounds are never pooled: events and exceedances are predicted with the share of their round,
means are compared within each, and margins in points are judged by the propensities (``stats.adaptive.contrast``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tidegate.delivery.evidence.exceeding import Since
from tidegate.delivery.evidence.measures import QUANTILES, Quantity, Quotient, Rate, Score
from tidegate.delivery.evidence.metrics import estimate_of, metric_name, metric_of, samples_of
from tidegate.delivery.evidence.rounds import Round
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.release import Baseline
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats import arm_prediction, asymptotic, comparison
from tidegate.stats.adaptive.contrast import Contest, contrast
from tidegate.stats.adaptive.contrast import Side as Rewards
from tidegate.stats.arm_prediction import Stratum
from tidegate.stats.asymptotic import Effect, Pair
from tidegate.stats.comparison import Tail
from tidegate.stats.ratio import log_ratio_of_ratios
from tidegate.stats.verdict import Verdict, worst

MINIMUM_EVENTS = 5  # one blip is no evidence
FREQUENT = 0.05  # rates above it are compared by the units without the event, too
_HORIZON = 20  # times min_samples: where asymptotic bounds are tightest


class Concurrent(NamedTuple):
    """Both arms of one step.

    Attributes:
        candidate, stable: the first request of each unit, as far as a coin of ``share`` chose the variant.
        share: probability of the candidate, within (0, 1).
        baselines: what was frozen of stable, by metric.
        stable_total: every request of stable in the step; hard limits look whether it fails, too.
        rounds: the same by round, each with its share, where the weights were set anew.
    """

    candidate: Summary
    stable: Summary
    share: float
    baselines: Mapping[str, Baseline]
    stable_total: Summary
    rounds: tuple[Round, ...] = ()

    @property
    def strata(self) -> tuple[Round, ...]:
        """What must not be pooled."""
        return self.rounds or (Round(self.share, self.candidate, self.stable),)


class Compared(NamedTuple):
    """One guardrail against concurrent stable.

    Attributes:
        effect: points for rates, relative for everything else; bounds at the guardrail's part of alpha.
        margin: as the effect; what the verdict turns on.
        least: samples that each arm needs.
    """

    verdict: Verdict
    code: str
    effect: Effect
    margin: float
    candidate: float | None
    stable: float | None
    candidate_samples: int
    stable_samples: int
    least: int


class Side(NamedTuple):
    """One direction of harm: its margin and which way."""

    margin: float
    is_increase: bool


def compare(guardrail: GuardrailSpec, both: Concurrent, *, alpha: float, pass_alpha: float, least: int) -> Compared:
    """One guardrail that compares.

    Args:
        alpha: of a false *fail*.
        pass_alpha: of a false *pass*.
        least: units that each arm needs.
    """
    sides = sides_of(guardrail)
    part = alpha / len(sides)
    match metric_of(guardrail).measure:
        case Rate() as rate:
            effect, verdict, code = _compare_rates(guardrail, rate, both, sides, part, pass_alpha)
        case Quantity() as quantity if guardrail.stat != "mean":
            effect, verdict, code = _compare_quantiles(guardrail, quantity, both, sides, part, pass_alpha, least)
        case Quantity() | Score() | Quotient() as measure:
            effect, verdict, code = _compare_means(measure, both, sides, part, pass_alpha, least)
            least = max(least, asymptotic.MINIMUM_VALUES)
    samples = samples_of(guardrail, both.candidate), samples_of(guardrail, both.stable)
    if verdict is not Verdict.FAIL and min(samples) < max(1, least):
        verdict, code = Verdict.NO_DATA, "too_few_compared" if max(samples) else "not_measured"
    return Compared(
        verdict,
        code,
        effect,
        max(side.margin for side in sides),
        estimate_of(guardrail, both.candidate),
        estimate_of(guardrail, both.stable),
        *samples,
        least=max(1, least),
    )


def sides_of(guardrail: GuardrailSpec) -> list[Side]:
    """The directions of harm that a guardrail which compares looks at, at least one."""
    ratio = None if guardrail.max_ratio is None else guardrail.max_ratio - 1
    up = [guardrail.max_increase, guardrail.max_change, ratio]
    down = [guardrail.max_decrease, guardrail.max_change]
    found = [Side(float(margin), is_increase=True) for margin in up if margin is not None]
    return found + [Side(float(margin), is_increase=False) for margin in down if margin is not None]


def _compare_rates(
    guardrail: GuardrailSpec, rate: Rate, both: Concurrent, sides: Sequence[Side], alpha: float, pass_alpha: float
) -> tuple[Effect, Verdict, str]:
    candidate = rate.events(both.candidate), rate.trials(both.candidate)
    stable = rate.events(both.stable), rate.trials(both.stable)
    if rate.is_of_good:
        sides = [Side(side.margin, not side.is_increase) for side in sides]
    effect, lenient = (_difference_of_rates(rate, both, level) for level in (alpha, pass_alpha))
    counted = [
        Stratum(s.share, *(count(side) for side in (s.arm, s.control) for count in (rate.events, rate.trials)))
        for s in both.strata
    ]
    found = []
    for side in sides:
        ratio = tolerated_ratio(guardrail, side)
        if ratio is None:
            found.append(_by_bounds(effect, lenient, side))
        else:
            baseline = both.baselines.get(metric_name(guardrail))
            found.append(_by_events(counted, ratio, baseline.value if baseline else 0.0, alpha, pass_alpha))
    verdict = worst(found)
    if verdict is Verdict.FAIL and candidate[0] + stable[0] < MINIMUM_EVENTS:
        verdict = Verdict.INCONCLUSIVE
    if rate.is_of_good:
        effect = Effect(-effect.estimate, -effect.upper, -effect.lower)
    return effect, verdict, _code(verdict)


def _difference_of_rates(rate: Rate, both: Concurrent, alpha: float) -> Effect:
    """In points: exact from one-arm bounds; over rounds, which must not be pooled, by their propensities."""
    candidate = rate.events(both.candidate), rate.trials(both.candidate)
    stable = rate.events(both.stable), rate.trials(both.stable)
    if not both.rounds:
        return comparison.difference_of_rates(candidate, stable, alpha)
    sums = contrast(
        Contest(s.share, 0.0, *(Rewards(rate.trials(a), rate.events(a), rate.events(a)) for a in (s.arm, s.control)))
        for s in both.rounds
    )
    return Effect(sums.estimate, *sums.bounds(alpha))


def tolerated_ratio(guardrail: GuardrailSpec, side: Side) -> float | None:
    """The tolerated ratio of rates, when the margin is one, or none at all."""
    if guardrail.max_ratio is not None:
        return guardrail.max_ratio
    return 1.0 if side.is_increase and not side.margin else None


def _by_events(counted: Sequence[Stratum], ratio: float, predicted: float, alpha: float, pass_alpha: float) -> Verdict:
    is_frequent = ratio == 1 and FREQUENT < predicted < 1
    harm = (
        arm_prediction.log_evidence_of_frequent_harm(counted, [predicted] * len(counted))
        if is_frequent
        else arm_prediction.log_evidence_of_harm(counted, ratio)
    )
    if harm >= -math.log(alpha):
        return Verdict.FAIL
    is_safe = arm_prediction.log_evidence_of_safety(counted, ratio) >= -math.log(pass_alpha)
    return Verdict.PASS if is_safe else Verdict.INCONCLUSIVE


def _by_bounds(effect: Effect, lenient: Effect, side: Side) -> Verdict:
    """``effect`` decides a fail, ``lenient`` a pass; a decrease is the mirror image."""
    low, high = (effect.lower, lenient.upper) if side.is_increase else (-effect.upper, -lenient.lower)
    return comparison.judge_harm(low, high, side.margin)


def _compare_means(
    measure: Quantity | Score | Quotient,
    both: Concurrent,
    sides: Sequence[Side],
    alpha: float,
    pass_alpha: float,
    least: int,
) -> tuple[Effect, Verdict, str]:
    if min(measure.of(both.candidate).count, measure.of(both.stable).count) < asymptotic.MINIMUM_VALUES:
        return _UNKNOWN, Verdict.NO_DATA, "too_few_compared"
    horizon = _HORIZON * max(least, asymptotic.MINIMUM_VALUES)
    effect = _relative(_log_ratio(measure, both, alpha, horizon))
    if math.isnan(effect.estimate):
        return _UNKNOWN, Verdict.NO_DATA, "not_comparable"
    lenient = _relative(_log_ratio(measure, both, pass_alpha, horizon))
    verdict = worst(_by_bounds(effect, lenient, side) for side in sides)
    return effect, verdict, _code(verdict)


def _log_ratio(measure: Quantity | Score | Quotient, both: Concurrent, alpha: float, horizon: int) -> Effect:
    """Unknown where a mean is 0 or negative: *relative to stable* means nothing then."""
    if isinstance(measure, Quotient):
        ratios = [(measure.of(s.arm), measure.of(s.control)) for s in both.strata]
        return log_ratio_of_ratios(ratios, alpha, horizon=horizon)
    pairs = [Pair(measure.of(s.arm), measure.of(s.control)) for s in both.strata]
    if min(measure.of(both.candidate).total, measure.of(both.stable).total) <= 0:
        return _UNKNOWN
    return asymptotic.log_ratio_of_means(pairs, alpha, horizon=horizon)


def _compare_quantiles(
    guardrail: GuardrailSpec,
    metric: Quantity,
    both: Concurrent,
    sides: Sequence[Side],
    alpha: float,
    pass_alpha: float,
    least: int,
) -> tuple[Effect, Verdict, str]:
    q = QUANTILES[guardrail.stat or "p95"]
    arms = metric.tail(both.candidate), metric.tail(both.stable)
    horizon = _HORIZON * max(least, asymptotic.MINIMUM_VALUES)
    effect = _relative(comparison.log_ratio_of_quantiles(*arms, q, alpha, horizon=horizon))
    baseline = both.baselines.get(metric_name(guardrail))
    if baseline is None:
        return effect, Verdict.NO_DATA, "no_baseline"
    verdict = worst(_by_exceedances(baseline, metric, both, side, alpha, pass_alpha) for side in sides)
    return effect, verdict, _code(verdict)


def _by_exceedances(
    baseline: Baseline, metric: Quantity, both: Concurrent, side: Side, alpha: float, pass_alpha: float
) -> Verdict:
    """A bucket that the candidate's threshold cuts counts against the verdict that is sought."""
    threshold = baseline.value * (1 + side.margin if side.is_increase else max(0.0, 1 - side.margin))
    surely, maybe = [], []
    for share, new, old in _after(baseline, metric, both):
        known = old.exceeding(baseline.value)
        surely.append(Stratum(share, *new.exceeding(threshold), *known))
        maybe.append(Stratum(share, *new.exceeding(threshold, is_least=False), *known))
    harm = arm_prediction.log_evidence_of_harm(surely)
    safety = arm_prediction.log_evidence_of_safety(maybe, 1.0)
    fail, fine = (harm, safety) if side.is_increase else (safety, harm)
    if fail >= -math.log(alpha) and sum(each.events for each in maybe) >= MINIMUM_EVENTS:
        return Verdict.FAIL
    return Verdict.PASS if fine >= -math.log(pass_alpha) else Verdict.INCONCLUSIVE


def _after(baseline: Baseline, metric: Quantity, both: Concurrent) -> list[tuple[float, Since, Since]]:
    """Each round's share and both arms' values, but for what the threshold was chosen by."""
    found = []
    for share, arm, control, number in both.strata:
        new, old = Since(metric.tail(arm)), Since(metric.tail(control))
        if number == baseline.round:
            new = new._replace(aside=Tail(baseline.candidate, baseline.candidate_failures))
            old = old._replace(aside=Tail(baseline.stable, baseline.stable_failures))
        if number >= baseline.round:
            found.append((share, new, old))
    return found


_UNKNOWN = Effect(math.nan, -math.inf, math.inf)

_BEYOND = math.log(10_000)
"""A ratio above ten thousand tells that a bound is not there yet, and no more."""


def _relative(logs: Effect) -> Effect:
    return Effect(*(math.expm1(value) if value <= _BEYOND or math.isnan(value) else math.inf for value in logs))


def _code(verdict: Verdict) -> str:
    return {Verdict.FAIL: "worse_than_stable", Verdict.PASS: "not_worse_than_stable"}.get(verdict, "undecided")
