"""What can be measured of a version, and how each metric is read from counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.observation import Outcome
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.comparison import Tail
from tidegate.stats.distribution import Distribution

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Rate(NamedTuple):
    """A share of judged requests."""

    outcomes: tuple[Outcome, ...] | None  # None: every failure

    def events(self, summary: Summary) -> int:
        """Judged requests that count."""
        return summary.failures if self.outcomes is None else summary.count(*self.outcomes)


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

    def tail(self, summary: Summary) -> Tail:
        """Its values, failures above all of them."""
        return Tail(self.of(summary), self.failures(summary))


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


def metric_name(guardrail: GuardrailSpec) -> str:
    """``latency.p95``, ``error_rate``."""
    return f"{guardrail.metric}.{guardrail.stat}" if guardrail.stat else guardrail.metric


def estimate_of(guardrail: GuardrailSpec, summary: Summary) -> float | None:
    """The metric's value in its own unit; ``None`` without data, infinite for a quantile that is a failure."""
    metric = METRICS[guardrail.metric]
    if isinstance(metric, Rate):
        return metric.events(summary) / summary.judged if summary.judged else None
    if guardrail.stat == "mean":
        values = metric.of(summary)
        return values.mean / metric.scale if values.count else None
    tail = metric.tail(summary)
    return tail.quantile(QUANTILES[guardrail.stat or "p95"]) / metric.scale if tail.values.count else None


def samples_of(guardrail: GuardrailSpec, summary: Summary) -> int:
    """Requests that tell the metric."""
    metric = METRICS[guardrail.metric]
    if isinstance(metric, Rate):
        return summary.judged
    return metric.of(summary).count if guardrail.stat == "mean" else metric.tail(summary).size


def show_value(guardrail: GuardrailSpec, value: float | None) -> str:
    """``8 %``, ``2.5 s``."""
    if value is None:
        return "beyond measure"
    metric = METRICS[guardrail.metric]
    return f"{value:.3g} {metric.unit}" if isinstance(metric, Quantity) else f"{value * 100:.3g} %"
