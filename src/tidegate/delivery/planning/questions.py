"""What one guardrail asks in one step: the tests of :mod:`~tidegate.delivery.evidence`, computed ahead.

Each kind of guardrail becomes a *question*: how the probability of failing a candidate that is worse by ``change``, and
of passing one that is equal, grows with the units of both arms. The numbers come from
:mod:`tidegate.stats.planning.sequential_power`, which reckons with a look after every unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from tidegate.delivery.evidence.comparisons import FREQUENT, MINIMUM_EVENTS
from tidegate.delivery.evidence.measures import QUANTILES
from tidegate.delivery.planning.expected import Expectation, ExpectedMean, ExpectedQuantity, ExpectedRate
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats import bernoulli
from tidegate.stats.asymptotic import MINIMUM_VALUES, critical
from tidegate.stats.distribution import SCALE
from tidegate.stats.planning.sample_size import for_means, for_proportions
from tidegate.stats.planning.sequential_power import Stopping, by_events, by_z, safety_by_events

HORIZON = 20  # times min_samples, as the comparison of means has it


class Question(NamedTuple):
    """One guardrail in one step.

    Attributes:
        fails: (change, most units) -> when a candidate worse by ``change`` is failed, by units of both arms.
        passes: most units -> when an equal candidate passes.
        fixed: change -> units of both arms for a test at one look with the same alpha and power.
        margin: what is tolerated, in the unit of ``change``.
        kind: ``points`` (parts of one) or ``relative``.
    """

    fails: Callable[[float, float], Stopping]
    passes: Callable[[float], Stopping]
    fixed: Callable[[float, float], float]
    margin: float
    kind: str


def question(
    guardrail: GuardrailSpec, expected: Expectation, share: float, *, alpha: float, pass_alpha: float, least: int
) -> Question | None:
    """The question that a guardrail asks of a step; ``None`` when it has no test against concurrent stable, or
    nothing is expected of its metric.

    Args:
        guardrail: one that compares.
        expected: of stable.
        share: of the candidate, within (0, 1).
        alpha: of a false *fail*, this guardrail's part.
        pass_alpha: of a false *pass*.
        least: units that each arm needs.
    """
    side = _margin(guardrail)
    if side is None:
        return None
    margin, sides = side
    asked = _Asked(guardrail, share, alpha / sides, pass_alpha, least, margin)
    found = expected.metrics.get(guardrail.metric)
    if found is None:
        return None
    if isinstance(found, ExpectedRate):
        is_ratio = guardrail.max_ratio is not None or (guardrail.max_increase is not None and not margin)
        of_those = _of_ratio(asked, found.rate) if is_ratio else _of_points(asked, found.rate)
        return _told_by(found.per_request, of_those)
    if isinstance(found, ExpectedMean):
        return _told_by(found.per_request, _of_mean(asked, found))
    if guardrail.stat == "mean":
        return _of_mean(asked, found)
    return _of_quantile(asked, found, QUANTILES[guardrail.stat or "p95"])


def _told_by(share: float, asked: Question) -> Question:
    """The same question where only a share of the units tells anything, and the others tell nothing."""
    if share == 1:
        return asked

    def among_all(stopping: Stopping) -> Stopping:
        return Stopping(stopping.at / share, stopping.power)

    return Question(
        lambda change, most: among_all(asked.fails(change, max(1.0, most * share))),
        lambda most: among_all(asked.passes(max(1.0, most * share))),
        lambda change, power: asked.fixed(change, power) / share,
        asked.margin,
        asked.kind,
    )


class _Asked(NamedTuple):
    guardrail: GuardrailSpec
    share: float
    alpha: float
    pass_alpha: float
    least: int
    margin: float

    @property
    def first(self) -> float:
        """Units of both arms with which the smaller arm has enough."""
        return max(1, self.least) / min(self.share, 1 - self.share)


def _margin(guardrail: GuardrailSpec) -> tuple[float, int] | None:
    """(what is tolerated, how many sides share alpha); of two-sided ones the increase stands for both."""
    if guardrail.max_ratio is not None:
        return guardrail.max_ratio - 1, 1
    if guardrail.max_change is not None:
        return float(guardrail.max_change), 2
    if guardrail.max_increase is not None:
        return float(guardrail.max_increase), 1 + (guardrail.max_decrease is not None)
    return (float(guardrail.max_decrease), 1) if guardrail.max_decrease is not None else None


def _of_ratio(asked: _Asked, rate: float) -> Question:
    """A rate judged by its events; the change is relative. Frequent events tell more, as those without do as well."""
    tolerated = 1 + asked.margin
    gain = 1 / (1 - rate) if tolerated == 1 and rate > FREQUENT else 1.0
    return _by_events(asked, lambda change: (rate * gain, 1 + change), tolerated, rate)


def _of_quantile(asked: _Asked, found: ExpectedQuantity, q: float) -> Question:
    """Exceedances of x0 by stable, of x0 (1 + margin) by the candidate; the change is relative."""
    x0 = found.quantile(q)
    lower = asked.guardrail.max_increase is None and asked.guardrail.max_change is None
    factor = max(1e-9, 1 - asked.margin) if lower else 1 + asked.margin
    base = found.survival(x0) * found.per_request if math.isfinite(x0) else 0.0

    def ratio(change: float, *, is_sure: bool) -> float:
        cut = math.log2(x0 * factor) * SCALE
        edge = math.ceil(cut - 1e-6) if is_sure is not lower else math.floor(cut + 1e-6)
        moved = 1 / (1 + change) if lower else 1 + change
        return max(1e-9, found.survival(2 ** (edge / SCALE) / moved) / max(1e-12, found.survival(x0)))

    def fails(change: float, most: float) -> Stopping:
        true = ratio(change, is_sure=True)
        rate = base * (1 - asked.share + asked.share * true)
        run = _safety if lower else _harm
        return _in_units(run(asked, true, 1.0, asked.alpha, most * rate), rate)

    def passes(most: float) -> Stopping:
        true = ratio(0.0, is_sure=False)
        rate = base * (1 - asked.share + asked.share * true)
        run = _harm if lower else _safety
        return _in_units(run(asked, true, 1.0, asked.pass_alpha, most * rate), rate, asked.first)

    def fixed(change: float, power: float) -> float:
        true = ratio(change, is_sure=True)
        p = found.survival(x0)
        if true == 1 or not base:
            return math.inf
        units = for_proportions(p, min(1 - 1e-9, p * true), asked.share, alpha=asked.alpha, power=power)
        return units / found.per_request

    return Question(fails, passes, fixed, asked.margin, "relative")


def _by_events(
    asked: _Asked, truth: Callable[[float], tuple[float, float]], tolerated: float, plain: float
) -> Question:
    def per_unit(change: float) -> float:
        rate, ratio = truth(change)
        return min(1.0, rate * (1 - asked.share + asked.share * ratio))

    def fails(change: float, most: float) -> Stopping:
        rate = per_unit(change)
        return _in_units(_harm(asked, truth(change)[1], tolerated, asked.alpha, most * rate), rate)

    def passes(most: float) -> Stopping:
        rate = per_unit(0.0)
        return _in_units(_safety(asked, 1.0, tolerated, asked.pass_alpha, most * rate), rate, asked.first)

    def fixed(change: float, power: float) -> float:
        worse = min(1 - 1e-9, plain * (1 + change))
        tolerable = min(1 - 1e-9, plain * tolerated)
        if worse <= tolerable:
            return math.inf
        return for_proportions(tolerable, worse, asked.share, alpha=asked.alpha, power=power)

    return Question(fails, passes, fixed, asked.margin, "relative")


def _harm(asked: _Asked, ratio: float, tolerated: float, alpha: float, events: float) -> Stopping:
    most = max(1, math.ceil(events))
    return by_events(asked.share, ratio, alpha, tolerated_ratio=tolerated, least=MINIMUM_EVENTS, most=most)


def _safety(asked: _Asked, ratio: float, tolerated: float, alpha: float, events: float) -> Stopping:
    most = max(1, math.ceil(events))
    return safety_by_events(asked.share, ratio, alpha, tolerated_ratio=tolerated, most=most)


def _in_units(events: Stopping, rate: float, first: float = 0.0) -> Stopping:
    """By units of both arms; nothing passes before each arm has ``min_samples``, a failure waits for nobody."""
    return Stopping((events.at / max(rate, 1e-12)).clip(min=first), events.power)


def _of_points(asked: _Asked, rate: float) -> Question:
    """The difference of two one-arm bounds; widths at the counts expected."""
    share, margin = asked.share, asked.margin

    def width(units: float, worse: float, alpha: float, *, is_fail: bool) -> float:
        own, other = units * share, units * (1 - share)
        candidate = bernoulli.bounds(worse * own, own, alpha / 2)
        stable = bernoulli.bounds(rate * other, other, alpha / 2)
        if is_fail:
            return (worse - candidate[0]) + (stable[1] - rate)
        return (candidate[1] - worse) + (rate - stable[0])

    def error(units: float, worse: float) -> float:
        own = worse * (1 - worse) / share + rate * (1 - rate) / (1 - share)
        return math.sqrt(max(own, 1e-12) / units)

    def fails(change: float, most: float) -> Stopping:
        worse = min(1 - 1e-9, rate + change)
        return by_z(
            lambda n: change / error(n, worse),
            lambda n: (margin + width(n, worse, asked.alpha, is_fail=True)) / error(n, worse),
            min(asked.first / max(1, asked.least), most / 2),
            most,
        )

    def passes(most: float) -> Stopping:
        first = min(asked.first, most / 2)
        return by_z(
            lambda _: 0.0,
            lambda n: (width(n, rate, asked.pass_alpha, is_fail=False) - margin) / error(n, rate),
            first,
            most,
        )

    def fixed(change: float, power: float) -> float:
        if change <= margin:
            return math.inf
        spread = math.sqrt(rate * (1 - rate) * (1 - share) + (rate + change) * max(0.0, 1 - rate - change) * share)
        return for_means(spread, change - margin, share, alpha=asked.alpha, power=power)

    return Question(fails, passes, fixed, margin, "points")


def _of_mean(asked: _Asked, found: ExpectedQuantity | ExpectedMean) -> Question:
    """AsympCS of the log of the ratio of means; the change is relative."""
    share, variation = asked.share, found.variation
    horizon = HORIZON * max(asked.least, MINIMUM_VALUES)
    soonest = MINIMUM_VALUES / min(share, 1 - share)
    is_less = asked.guardrail.max_increase is None and asked.guardrail.max_change is None

    def shift(change: float) -> float:
        return math.log1p(change) if not is_less else -math.log(max(1e-9, 1 - min(change, 1 - 1e-9)))

    def drift(distance: float) -> Callable[[float], float]:
        return lambda n: distance * math.sqrt(n * share * (1 - share)) / max(variation, 1e-12)

    def run(distance: float, alpha: float, first: float, most: float) -> Stopping:
        top = max(most, first * 2)
        return by_z(drift(distance), lambda n: critical(round(n), alpha, horizon=horizon), first, top)

    def fixed(change: float, power: float) -> float:
        distance = shift(change) - shift(asked.margin)
        return for_means(variation, distance, share, alpha=asked.alpha, power=power) if distance > 0 else math.inf

    return Question(
        lambda change, most: run(shift(change) - shift(asked.margin), asked.alpha, soonest, most),
        lambda most: run(shift(asked.margin), asked.pass_alpha, max(soonest, asked.first), most),
        fixed,
        asked.margin,
        "relative",
    )
