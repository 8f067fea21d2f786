"""What the counts say of each guardrail: hard limits with bounds that hold at every look.

There is no concurrent control at 100 %, so a limit is judged by the candidate alone: it is breached once the
anytime-valid lower bound of the harm is beyond it, and never by a point estimate. ``alpha`` is shared by the
guardrails that can act. A rate is compared as it is; a quantile through the share of requests above the limit
(p95 > x is the same as: more than 5 % lie above x), where a bucket that x cuts counts as below it and a failed
request as above any latency; a mean through its asymptotic bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tidegate.delivery.observation import Outcome
from tidegate.delivery.release import MetricVerdict
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.delivery.summary import Summary
from tidegate.stats import asymptotic, bernoulli
from tidegate.stats.distribution import Distribution
from tidegate.stats.verdict import Verdict, worst

MINIMUM_EVENTS = 5  # a limit is not breached by fewer, whatever the bound says: one blip is no evidence
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

REASONS: dict[str, str] = {
    "breached": "{metric} is {estimate} over {samples} requests ({events} against it), surely {operator} {limit}",
    "within_limit": "{metric} is {estimate} over {samples} requests, not surely {operator} {limit}",
    "too_few_samples": "{metric} rests on {samples} requests and needs {least}",
    "not_measured": "no request told {metric}",
    "counts_unavailable": "the observations could not be read",
}


class Rate(NamedTuple):
    """A share of judged requests."""

    outcomes: tuple[Outcome, ...] | None  # None: every failure


class Quantity(NamedTuple):
    """A quantity per request.

    Attributes:
        of: its distribution.
        failures: requests that count as above any value.
        scale: integer units in one unit of the guardrail.
        unit: for people.
    """

    of: Callable[[Summary], Distribution]
    failures: Callable[[Summary], int]
    scale: float
    unit: str


METRICS: dict[str, Rate | Quantity] = {
    "error_rate": Rate(None),
    "timeout_rate": Rate((Outcome.TIMEOUT,)),
    "truncation_rate": Rate((Outcome.TRUNCATED,)),
    "refusal_rate": Rate((Outcome.REFUSED, Outcome.FILTERED)),
    "latency": Quantity(lambda s: s.latency, lambda s: s.failures, 1e6, "s"),
    "ttft": Quantity(lambda s: s.ttft, lambda s: s.failed_streams, 1e6, "s"),
    "tpot": Quantity(lambda s: s.tpot, lambda s: s.failures, 1e6, "s"),
    "cost_per_request": Quantity(lambda s: s.cost, lambda _: 0, 1e9, "USD"),
    "output_tokens": Quantity(lambda s: s.output_tokens, lambda _: 0, 1.0, "tokens"),
}


class _Reading(NamedTuple):
    """One guardrail on one set of counts."""

    samples: int
    events: int
    estimate: float | None
    lower: float | None
    upper: float | None
    is_breached: bool


def judge_guardrails(
    guardrails: Sequence[GuardrailSpec], total: Summary | None, window: Summary, *, alpha: float, least: int
) -> tuple[MetricVerdict, ...]:
    """One verdict for each guardrail.

    Args:
        guardrails: of the release.
        total: every request of the step; limits watch these. ``None`` when they could not be read.
        window: those since the routing was verified; only these make a pass.
        alpha: probability of a false breach, shared by the guardrails that can act.
        least: requests below which there is no data.
    """
    acting = sum(not guardrail.dry_run for guardrail in guardrails)
    share = alpha / max(1, acting)
    return tuple(_judge(guardrail, total, window, share, least) for guardrail in guardrails)


def step_verdict(verdicts: Sequence[MetricVerdict], window: Summary, least: int) -> Verdict:
    """The step's verdict: the worst of the guardrails that can act, and never a pass without data (I6)."""
    found = worst(verdict.verdict for verdict in verdicts if not verdict.is_dry_run)
    has_data = window.samples >= max(1, least)
    return found if has_data else worst((found, Verdict.NO_DATA))


def metric_name(guardrail: GuardrailSpec) -> str:
    """``latency.p95``, ``error_rate``."""
    return f"{guardrail.metric}.{guardrail.stat}" if guardrail.stat else guardrail.metric


def _judge(guardrail: GuardrailSpec, total: Summary | None, window: Summary, alpha: float, least: int) -> MetricVerdict:
    if total is None:
        return _verdict(guardrail, Verdict.NO_DATA, "counts_unavailable", None, least)
    reading = _read(guardrail, total, alpha)
    if reading.is_breached:
        return _verdict(guardrail, Verdict.FAIL, "breached", reading, least)
    of_window = _read(guardrail, window, alpha)
    if not of_window.samples:
        return _verdict(guardrail, Verdict.NO_DATA, "not_measured", of_window, least)
    if of_window.samples < least:
        return _verdict(guardrail, Verdict.NO_DATA, "too_few_samples", of_window, least)
    return _verdict(guardrail, Verdict.PASS, "within_limit", reading, least)


def _read(guardrail: GuardrailSpec, summary: Summary, alpha: float) -> _Reading:
    metric, limit = METRICS[guardrail.metric], guardrail.hard.value
    if isinstance(metric, Rate):
        events = summary.failures if metric.outcomes is None else summary.count(*metric.outcomes)
        estimate = events / summary.judged if summary.judged else None
        return _read_share(guardrail, events, summary.judged, limit, estimate, alpha)
    values, failures = metric.of(summary), metric.failures(summary)
    if guardrail.stat == "mean":
        return _read_mean(guardrail, values, metric.scale, alpha)
    q = QUANTILES[guardrail.stat or "p95"]
    samples = values.count + failures
    events = values.above(limit * metric.scale) + failures
    estimate = values.quantile(min(1.0, q * samples / values.count)) / metric.scale if values.count else None
    return _read_share(guardrail, events, samples, 1 - q, estimate, alpha)


def _read_share(
    guardrail: GuardrailSpec, events: int, samples: int, limit: float, estimate: float | None, alpha: float
) -> _Reading:
    lower, upper = bernoulli.bounds(events, samples, alpha)
    is_beyond = guardrail.hard.operator == ">=" and lower >= limit
    is_breached = events >= MINIMUM_EVENTS and (lower > limit or is_beyond)
    return _Reading(samples, events, estimate, lower, upper, is_breached)


def _read_mean(guardrail: GuardrailSpec, values: Distribution, scale: float, alpha: float) -> _Reading:
    if not values.count:
        return _Reading(0, 0, None, None, None, is_breached=False)
    estimate = values.mean / scale
    if values.count < asymptotic.MINIMUM_VALUES:
        return _Reading(values.count, 0, estimate, None, None, is_breached=False)
    lower = asymptotic.lower_bound(estimate, values.deviation / scale, values.count, alpha)
    return _Reading(values.count, 0, estimate, lower, None, guardrail.hard.holds(lower))


def _verdict(
    guardrail: GuardrailSpec, verdict: Verdict, code: str, reading: _Reading | None, least: int
) -> MetricVerdict:
    found = reading or _Reading(0, 0, None, None, None, is_breached=False)
    sentence = REASONS[code].format(
        metric=metric_name(guardrail),
        estimate=_show(guardrail, found.estimate),
        samples=found.samples,
        events=found.events,
        operator=guardrail.hard.operator,
        limit=_show(guardrail, guardrail.hard.value),
        least=max(1, least),
    )
    return MetricVerdict(
        metric=metric_name(guardrail),
        verdict=verdict,
        code=code,
        sentence=sentence,
        limit=guardrail.hard.value,
        estimate=found.estimate,
        lower=found.lower,
        upper=found.upper,
        samples=found.samples,
        events=found.events,
        is_dry_run=guardrail.dry_run,
    )


def _show(guardrail: GuardrailSpec, value: float | None) -> str:
    if value is None:
        return "beyond measure"
    metric = METRICS[guardrail.metric]
    return f"{value:.3g} {metric.unit}" if isinstance(metric, Quantity) else f"{value * 100:.3g} %"
