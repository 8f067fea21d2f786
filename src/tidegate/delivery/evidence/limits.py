"""Hard limits: the candidate alone against a number, with bounds that hold at every look.

A limit is breached once the anytime-valid lower bound of the harm is beyond it, never by a point estimate. A rate is
compared as it is; a quantile through the share of requests above the limit (p95 > x is the same as: more than 5 % lie
above x), where a bucket that x cuts counts as below it and a failed request as above any latency; a mean through its
asymptotic bound. A limit from below (``< 95%`` of a share of good answers) is the mirror image.

When concurrent stable surely breaches the same limit and the candidate is not surely worse, the environment is to
blame (a provider's outage, a slow network), and nothing is known of the candidate.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tidegate.delivery.evidence.measures import QUANTILES, Quantity, Quotient, Rate, Score
from tidegate.delivery.evidence.metrics import estimate_of, metric_of
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.quantities import Comparison
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats import asymptotic, bernoulli
from tidegate.stats.verdict import Verdict

_HORIZON = 1_000  # values at which the bounds of means are tightest
MINIMUM_EVENTS = 5  # a limit is not breached by fewer, whatever the bound says: one blip is no evidence


class BoundedEstimate(NamedTuple):
    """One guardrail on one set of counts; the bounds are those of the rate, the share above the limit, or the mean."""

    samples: int
    events: int
    estimate: float | None
    lower: float | None
    upper: float | None
    is_breached: bool


NOTHING = BoundedEstimate(0, 0, None, None, None, is_breached=False)


def judge_limit(
    guardrail: GuardrailSpec,
    hard: Comparison,
    total: Summary,
    window: Summary,
    stable: Summary | None,
    *,
    alpha: float,
    least: int,
) -> tuple[Verdict, str, BoundedEstimate]:
    """``(verdict, code, what it rests on)``.

    Args:
        total: every request of the step; these can breach it.
        window: those since the routing was verified; only these make a pass.
        stable: concurrent stable, ``None`` where there is none.
        alpha: of a false breach.
        least: requests below which there is no data.
    """
    found = read(guardrail, hard, total, alpha)
    if found.is_breached:
        if stable is not None and _is_environment(guardrail, hard, found, stable, alpha):
            return Verdict.INCONCLUSIVE, "environment", found
        return Verdict.FAIL, "breached", found
    of_window = read(guardrail, hard, window, alpha)
    if not of_window.samples:
        return Verdict.NO_DATA, "not_measured", of_window
    if of_window.samples < least:
        return Verdict.NO_DATA, "too_few_samples", of_window
    return Verdict.PASS, "within_limit", found


def read(guardrail: GuardrailSpec, hard: Comparison, summary: Summary, alpha: float) -> BoundedEstimate:
    """What the counts say of one limit."""
    match metric_of(guardrail).measure:
        case Rate() as rate:
            events, trials = rate.events(summary), rate.trials(summary)
            limit = 1 - hard.value if rate.is_of_good else hard.value
            found = _read_share(hard, events, trials, limit, estimate_of(guardrail, summary), alpha)
            return _of_good(found) if rate.is_of_good else found
        case Quantity() as quantity if guardrail.stat != "mean":
            tail, q = quantity.tail(summary), QUANTILES[guardrail.stat or "p95"]
            events = tail.values.above(hard.value * quantity.scale) + tail.infinite
            found = _read_share(hard, events, tail.size, 1 - q, None, alpha)
            estimate = tail.values.quantile(min(1.0, q * tail.size / tail.values.count)) if tail.values.count else None
            return found._replace(estimate=None if estimate is None else estimate / quantity.scale)
        case Quotient(of, scale):
            ratio = of(summary)
            return _read_mean(hard, ratio.count, ratio.value * scale, ratio.value * scale * ratio.relative_error, alpha)
        case Quantity() | Score() as measure:
            values = measure.of(summary)
            error = values.deviation / measure.scale / math.sqrt(max(1, values.count))
            return _read_mean(hard, values.count, values.mean / measure.scale, error, alpha)


def _is_environment(
    guardrail: GuardrailSpec, hard: Comparison, candidate: BoundedEstimate, stable: Summary, alpha: float
) -> bool:
    """Whether stable surely breaches the limit too, and the candidate is not surely worse than it may be."""
    beside = read(guardrail, hard, stable, alpha)
    if not beside.is_breached:
        return False
    if _is_from_below(hard):
        worst = beside.lower if beside.lower is not None else beside.estimate
        return candidate.upper is not None and worst is not None and candidate.upper >= worst
    worst = beside.upper if beside.upper is not None else beside.estimate
    return candidate.lower is not None and worst is not None and candidate.lower <= worst


def _is_from_below(hard: Comparison) -> bool:
    return hard.operator in {"<", "<="}


def _read_share(
    hard: Comparison, events: int, samples: int, limit: float, estimate: float | None, alpha: float
) -> BoundedEstimate:
    lower, upper = bernoulli.bounds(events, samples, alpha)
    is_beyond = hard.operator in {">=", "<="} and lower >= limit
    is_breached = events >= MINIMUM_EVENTS and (lower > limit or is_beyond)
    return BoundedEstimate(samples, events, estimate, lower, upper, is_breached)


def _of_good(found: BoundedEstimate) -> BoundedEstimate:
    """The same of the share without the event."""
    assert found.lower is not None
    assert found.upper is not None
    return found._replace(lower=1 - found.upper, upper=1 - found.lower)


def _read_mean(hard: Comparison, count: int, estimate: float, error: float, alpha: float) -> BoundedEstimate:
    if not count:
        return NOTHING
    if count < asymptotic.MINIMUM_VALUES or not math.isfinite(error):
        return BoundedEstimate(count, 0, estimate, None, None, is_breached=False)
    width = error * asymptotic.critical(count, alpha, horizon=_HORIZON)
    if _is_from_below(hard):
        return BoundedEstimate(count, 0, estimate, None, estimate + width, hard.holds(estimate + width))
    return BoundedEstimate(count, 0, estimate, estimate - width, None, hard.holds(estimate - width))
