"""What one objective of an A/B test can find in its time: when an arm that is better wins, when one that is equal keeps
its margin.

The tests of :mod:`tidegate.delivery.experiments.differences`, computed ahead for the smallest arm against control with a
look after every unit. Improvements are parts of control's value; of what people say they are points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tidegate.delivery.evidence.measures import QUANTILES, Quantity, Rate
from tidegate.delivery.evidence.metrics import metric_name, metric_of
from tidegate.delivery.experiments.differences import is_said
from tidegate.delivery.experiments.effects import margin
from tidegate.delivery.planning.expected import Expectation, Expected, ExpectedMean, ExpectedQuantity, ExpectedRate
from tidegate.delivery.planning.planned import MetricPlan
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.asymptotic import MINIMUM_VALUES, critical
from tidegate.stats.planning.sample_size import for_means, for_proportions
from tidegate.stats.planning.sequential_power import Stopping, by_z, safety_by_events

LONGEST = 50.0  # times the units there are: how far ahead it is reckoned when an equal arm would keep its margin
HORIZON = 20  # times min_samples, as the comparison of means has it
_FREQUENT = 0.05  # events above it tell by the units without them, too
_HALVINGS = 12


class Contest(NamedTuple):
    """One objective between an arm and control.

    Attributes:
        wins: (improvement, most units) -> when an arm that is better by so much wins, by units of both sides.
        keeps: most units -> when an equal arm has surely kept the margin; ``None`` without one.
        fixed: improvement -> units of both sides for a test at one look.
        kind: ``points`` or ``relative``.
        largest: improvement there can be.
    """

    wins: Callable[[float, float], Stopping]
    keeps: Callable[[float], Stopping] | None
    fixed: Callable[[float, float], float]
    kind: str
    largest: float


def contest(
    objective: GuardrailSpec, expected: Expectation, share: float, *, alpha: float, least: int
) -> Contest | None:
    """The contest about an objective; ``None`` when nothing is expected of its metric.

    Args:
        share: of the arm among the units that it or control gets, within (0, 1).
        alpha: of each bound.
        least: units that each side needs.
    """
    found = expected.metrics.get(objective.metric)
    asked = _Asked(share, alpha, least, margin(objective))
    if isinstance(found, ExpectedRate):
        return _of_opinions(asked, found) if is_said(objective) else _of_events(asked, found)
    if isinstance(found, ExpectedMean):
        return _of_means(asked, found)
    if isinstance(found, ExpectedQuantity):
        q = QUANTILES.get(objective.stat or "")
        return _of_means(asked, found) if q is None else _of_quantile(asked, found, q)
    return None


def smallest_improvement(asked: Contest, units: float, power: float) -> float:
    """The smallest improvement with which an arm wins within ``units`` of both sides; infinite if none does."""

    def is_found(change: float) -> bool:
        stopping = asked.wins(change, units)
        reached = stopping.power[stopping.at <= units * (1 + 1e-9)]
        return bool(len(reached)) and float(reached[-1]) >= power

    low, high = 0.0, asked.largest
    if units < 2 or not is_found(high):
        return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_found(middle) else (middle, high)
    return high


class Within(NamedTuple):
    """What an A/B test has for its smallest arm and control.

    Attributes:
        share: of the arm among the units of the two.
        units: of both by the horizon.
        alpha: of each bound.
        least: units that each side needs.
        power: with which an improvement is to be found.
        requests_per_unit: of the service, for each unit of the two.
    """

    share: float
    units: float
    alpha: float
    least: int
    power: float
    requests_per_unit: float


def objective_plans(
    objectives: Sequence[GuardrailSpec],
    expected: Expectation,
    within: Within,
    seconds_for: Callable[[float], float],
) -> list[MetricPlan]:
    """One for each objective of whose metric something is expected.

    Args:
        seconds_for: how long so many requests of the service take.
    """
    found = []
    for objective in objectives:
        known = expected.metrics.get(objective.metric)
        asked = contest(objective, expected, within.share, alpha=within.alpha, least=within.least)
        if asked is not None and known is not None:
            found.append(_row(objective, known, asked, within, seconds_for))
    return found


def _row(
    objective: GuardrailSpec,
    known: Expected,
    asked: Contest,
    within: Within,
    seconds_for: Callable[[float], float],
) -> MetricPlan:
    change = smallest_improvement(asked, within.units, within.power)
    needed = math.inf if asked.keeps is None else asked.keeps(max(within.units, 100.0) * LONGEST).needed(within.power)
    allowed = margin(objective)
    fixed = asked.fixed(change, within.power) * within.requests_per_unit if math.isfinite(change) else math.inf
    passes = needed * within.requests_per_unit
    return MetricPlan(
        metric=metric_name(objective),
        condition="objective",
        expected=_expected(objective, known),
        source=known.source,
        kind=asked.kind,
        margin=allowed,
        detectable=_finite(change),
        fixed_requests=_finite(fixed),
        passes_after_requests=_finite(passes),
        passes_after_seconds=_finite(seconds_for(passes)) if math.isfinite(passes) else None,
        can_pass=math.isfinite(change) if allowed is None else needed <= within.units,
        is_required=True,
    )


def _expected(objective: GuardrailSpec, known: Expected) -> float | None:
    measure, q = metric_of(objective).measure, QUANTILES.get(objective.stat or "")
    if isinstance(known, ExpectedRate):
        return 1 - known.rate if isinstance(measure, Rate) and measure.is_of_good else known.rate
    if isinstance(known, ExpectedMean) or not isinstance(measure, Quantity):
        return known.mean
    return _finite((known.mean if q is None else known.quantile(q)) / measure.scale)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


class _Asked(NamedTuple):
    share: float
    alpha: float
    least: int
    margin: float | None

    @property
    def first(self) -> float:
        """Units of both sides with which the smaller one has enough."""
        return max(MINIMUM_VALUES, self.least) / min(self.share, 1 - self.share)

    @property
    def information(self) -> float:
        """Of one unit, share (1 - share)."""
        return self.share * (1 - self.share)


def _of_opinions(asked: _Asked, found: ExpectedRate) -> Contest:
    """Differences of shares; only units that say something count. What may be gained is what is bad now."""
    spread, said = math.sqrt(found.rate * (1 - found.rate)), found.per_request
    by_said = _by_z(asked, spread)

    def fixed(change: float, power: float) -> float:
        return for_means(spread, change, asked.share, alpha=asked.alpha, power=power) / said

    return Contest(
        lambda change, most: _per(by_said(change, most * said), said),
        None if asked.margin is None else lambda most: _per(by_said(asked.margin or 0.0, most * said), said),
        fixed,
        "points",
        found.rate,
    )


def _of_means(asked: _Asked, found: ExpectedQuantity | ExpectedMean) -> Contest:
    by_value, told = _by_z(asked, found.variation), found.per_request

    def fixed(change: float, power: float) -> float:
        return for_means(found.variation, change, asked.share, alpha=asked.alpha, power=power) / told

    return Contest(
        lambda change, most: _per(by_value(change, most * told), told),
        None if asked.margin is None else lambda most: _per(by_value(asked.margin or 0.0, most * told), told),
        fixed,
        "relative",
        0.99,
    )


def _by_z(asked: _Asked, spread: float) -> Callable[[float, float], Stopping]:
    horizon = HORIZON * max(asked.least, MINIMUM_VALUES)

    def run(change: float, most: float) -> Stopping:
        return by_z(
            lambda n: change * math.sqrt(n * asked.information) / max(spread, 1e-12),
            lambda n: critical(round(n), asked.alpha, horizon=horizon),
            asked.first,
            max(most, asked.first * 1.01),
        )

    return run


def _of_events(asked: _Asked, found: ExpectedRate) -> Contest:
    """Harmful events, by their arms: an arm with fewer of them wins. A margin is one of points, by the bounds."""
    rate, told = found.rate, found.per_request

    def wins(change: float, most: float) -> Stopping:
        return _fewer(asked, rate * told, 1 - change, most)

    def fixed(change: float, power: float) -> float:
        return for_proportions(rate, rate * (1 - change), asked.share, alpha=asked.alpha, power=power) / told

    by_points = _by_z(asked, math.sqrt(rate * (1 - rate)))
    keeps = None if asked.margin is None else lambda most: _per(by_points(asked.margin or 0.0, most * told), told)
    return Contest(wins, keeps, fixed, "relative", 0.99)


def _of_quantile(asked: _Asked, found: ExpectedQuantity, q: float) -> Contest | None:
    """How often control's quantile is exceeded, by an arm whose values are smaller by so many parts."""
    x0 = found.quantile(q)
    if not math.isfinite(x0):
        return None
    base = found.survival(x0)
    rate = base * found.per_request
    gain = 1 / (1 - base) if base > _FREQUENT * 1.5 else 1.0  # frequent ones tell by the units below it, too

    def ratio(factor: float) -> float:
        return found.survival(x0 * factor) / max(1e-12, base)

    def wins(change: float, most: float) -> Stopping:
        return _fewer(asked, rate, ratio(1 / (1 - change)), most, gain)

    def keeps(most: float) -> Stopping:
        return _fewer(asked, rate, ratio(1 + (asked.margin or 0.0)), most, gain)

    def fixed(change: float, power: float) -> float:
        less = base * ratio(1 / (1 - change))
        return for_proportions(base, less, asked.share, alpha=asked.alpha, power=power) / found.per_request

    return Contest(wins, None if asked.margin is None else keeps, fixed, "relative", 0.99)


def _fewer(asked: _Asked, rate: float, ratio: float, most: float, gain: float = 1.0) -> Stopping:
    """When an arm with ``ratio`` times control's events has surely fewer, by units of both sides."""
    each = rate * gain * (1 - asked.share + asked.share * ratio)
    stopping = safety_by_events(
        asked.share, max(1e-9, ratio), asked.alpha, tolerated_ratio=1.0, most=max(1, math.ceil(most * each))
    )
    return Stopping((stopping.at / max(each, 1e-12)).clip(min=asked.first), stopping.power)


def _per(stopping: Stopping, part: float) -> Stopping:
    return Stopping(stopping.at / part, stopping.power)
