"""The smallest change or breach that is found with a given power, by the questions that a step asks."""

from __future__ import annotations

import math

from tidegate.delivery.evidence.comparisons import MINIMUM_EVENTS
from tidegate.delivery.evidence.measures import QUANTILES, Quantity, Rate
from tidegate.delivery.evidence.metrics import metric_of
from tidegate.delivery.planning.questions import Question
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats import bernoulli
from tidegate.stats.planning.sequential_power import Stopping, by_z

_HALVINGS = 7  # of an octave of changes: to within 1 %
_CURVE = (0.4, 0.7, 1.0, 1.3)  # parts of the smallest change found, beyond what is tolerated
_LARGEST = 64.0  # a change beyond this factor counts as never found


def smallest_change(asked: Question, units: float, power: float) -> float:
    """The smallest change that ``units`` of both arms find with ``power``, in the question's unit; infinite if none."""
    if units < 1:
        return math.inf

    def is_found(change: float) -> bool:
        return _power_at(asked.fails(change, units), units) >= power

    low, high = asked.margin, max(asked.margin * 2, 0.001 if asked.kind == "points" else 0.02)
    most = 1.0 if asked.kind == "points" else _LARGEST
    while not is_found(min(high, most)):
        if high >= most:
            return math.inf
        low, high = high, high * 2
    high = min(high, most)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high


def power_curve(asked: Question, units: float, change: float) -> tuple[tuple[float, float], ...]:
    """(change, probability of finding it) around the smallest change that is found; rising, as far as it is finite."""
    if not math.isfinite(change):
        return ()
    changes = [asked.margin + part * (change - asked.margin) for part in _CURVE]
    return tuple((each, _power_at(asked.fails(each, units), units)) for each in changes)


def _power_at(stopping: Stopping, units: float) -> float:
    reached = stopping.power[stopping.at <= units * (1 + 1e-9)]
    return float(reached[-1]) if len(reached) else 0.0


def smallest_breach(guardrail: GuardrailSpec, units: float, power: float, *, alpha: float) -> float | None:
    """The smallest share of events (of values above the limit) that a hard limit of a rate or a quantile finds.

    Args:
        units: of the candidate.

    Returns:
        In parts of one; ``None`` for the limit of a mean, infinite when nothing is found.
    """
    metric, limit = metric_of(guardrail).measure, guardrail.hard
    if limit is None or guardrail.stat == "mean" or not isinstance(metric, Rate | Quantity):
        return None
    if isinstance(metric, Rate):
        allowed = 1 - limit.value if metric.is_of_good else limit.value
    else:
        allowed = 1 - QUANTILES[guardrail.stat or "p95"]
    if units < 1 or allowed >= 1:
        return math.inf

    def is_found(rate: float) -> bool:
        return _power_at(_breaches(rate, allowed, alpha, units), units) >= power

    low, high = allowed, 1.0
    if not is_found(1.0):
        return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high


def _breaches(rate: float, limit: float, alpha: float, units: float) -> Stopping:
    """When the lower bound of one arm's rate is above its limit, with the width at the counts expected."""
    rate = min(rate, 1 - 1e-6)
    first = min(max(1.0, MINIMUM_EVENTS / rate), units * 0.9)

    def error(n: float) -> float:
        return math.sqrt(rate * (1 - rate) / n)

    def width(n: float) -> float:
        return rate - bernoulli.bounds(rate * n, n, alpha)[0]

    return by_z(lambda n: (rate - limit) / error(n), lambda n: width(n) / error(n), first, units)
