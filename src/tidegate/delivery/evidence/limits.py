"""Hard limits: the candidate alone against a number, with bounds that hold at every look.

A limit is breached once the anytime-valid lower bound of the harm is beyond it, never by a point estimate. A rate is
compared as it is; a quantile through the share of requests above the limit (p95 > x is the same as: more than 5 % lie
above x), where a bucket that x cuts counts as below it and a failed request as above any latency; a mean through its
asymptotic bound.

When concurrent stable surely breaches the same limit and the candidate is not surely worse, the environment is to
blame (a provider's outage, a slow network), and nothing is known of the candidate.
"""

from __future__ import annotations

from typing import NamedTuple

from tidegate.delivery.evidence.metrics import METRICS, QUANTILES, Rate
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.quantities import Comparison
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats import asymptotic, bernoulli
from tidegate.stats.distribution import Distribution
from tidegate.stats.verdict import Verdict

MINIMUM_EVENTS = 5  # a limit is not breached by fewer, whatever the bound says: one blip is no evidence


class Reading(NamedTuple):
    """One guardrail on one set of counts; the bounds are those of the rate, the share above the limit, or the mean."""

    samples: int
    events: int
    estimate: float | None
    lower: float | None
    upper: float | None
    is_breached: bool


NOTHING = Reading(0, 0, None, None, None, is_breached=False)


def judge_limit(
    guardrail: GuardrailSpec,
    hard: Comparison,
    total: Summary,
    window: Summary,
    stable: Summary | None,
    *,
    alpha: float,
    least: int,
) -> tuple[Verdict, str, Reading]:
    """``(verdict, code, what it rests on)``.

    Args:
        total: every request of the step; these can breach it.
        window: those since the routing was verified; only these make a pass.
        stable: concurrent stable, ``None`` where there is none.
        alpha: of a false breach.
        least: requests below which there is no data.
    """
    reading = read(guardrail, hard, total, alpha)
    if reading.is_breached:
        if stable is not None and _is_environment(guardrail, hard, reading, stable, alpha):
            return Verdict.INCONCLUSIVE, "environment", reading
        return Verdict.FAIL, "breached", reading
    of_window = read(guardrail, hard, window, alpha)
    if not of_window.samples:
        return Verdict.NO_DATA, "not_measured", of_window
    if of_window.samples < least:
        return Verdict.NO_DATA, "too_few_samples", of_window
    return Verdict.PASS, "within_limit", reading


def read(guardrail: GuardrailSpec, hard: Comparison, summary: Summary, alpha: float) -> Reading:
    """What the counts say of one limit."""
    metric, limit = METRICS[guardrail.metric], hard.value
    if isinstance(metric, Rate):
        events = metric.events(summary)
        estimate = events / summary.judged if summary.judged else None
        return _read_share(hard, events, summary.judged, limit, estimate, alpha)
    values, failures = metric.of(summary), metric.failures(summary)
    if guardrail.stat == "mean":
        return _read_mean(hard, values, metric.scale, alpha)
    q = QUANTILES[guardrail.stat or "p95"]
    samples = values.count + failures
    events = values.above(limit * metric.scale) + failures
    estimate = values.quantile(min(1.0, q * samples / values.count)) / metric.scale if values.count else None
    return _read_share(hard, events, samples, 1 - q, estimate, alpha)


def _is_environment(
    guardrail: GuardrailSpec, hard: Comparison, candidate: Reading, stable: Summary, alpha: float
) -> bool:
    beside = read(guardrail, hard, stable, alpha)
    best = beside.upper if beside.upper is not None else beside.estimate
    return beside.is_breached and candidate.lower is not None and best is not None and candidate.lower <= best


def _read_share(
    hard: Comparison, events: int, samples: int, limit: float, estimate: float | None, alpha: float
) -> Reading:
    lower, upper = bernoulli.bounds(events, samples, alpha)
    is_beyond = hard.operator == ">=" and lower >= limit
    is_breached = events >= MINIMUM_EVENTS and (lower > limit or is_beyond)
    return Reading(samples, events, estimate, lower, upper, is_breached)


def _read_mean(hard: Comparison, values: Distribution, scale: float, alpha: float) -> Reading:
    if not values.count:
        return NOTHING
    estimate = values.mean / scale
    if values.count < asymptotic.MINIMUM_VALUES:
        return Reading(values.count, 0, estimate, None, None, is_breached=False)
    lower = asymptotic.lower_bound(estimate, values.deviation / scale, values.count, alpha)
    return Reading(values.count, 0, estimate, lower, None, hard.holds(lower))
