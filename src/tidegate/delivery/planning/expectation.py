"""Expecting: from history where there is enough of it, else from what is assumed, else from plain defaults that say so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from tidegate.delivery.evidence.baselines import MINIMUM_BASELINE
from tidegate.delivery.evidence.measures import Measure, Quantity, Quotient, Rate, Score
from tidegate.delivery.evidence.metrics import FEEDBACK, JUDGE, METRICS, metric_of
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.planning.assumed import AssumedMean, AssumedQuantity, AssumeSpec
from tidegate.delivery.planning.expected import Expectation, Expected, ExpectedMean, ExpectedQuantity, ExpectedRate
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.documents import nearest
from tidegate.errors import InvalidInputError
from tidegate.stats.distribution import Distribution
from tidegate.stats.ratio import Ratio

_DEFAULT_RATES = {"error_rate": 0.01, "timeout_rate": 0.002, "truncation_rate": 0.002, "refusal_rate": 0.01}
_DEFAULT_QUANTITIES = {
    "latency": AssumedQuantity(median=2.0),
    "ttft": AssumedQuantity(median=0.6),
    "tpot": AssumedQuantity(median=0.02, sigma=0.4),
    "cost_per_request": AssumedQuantity(median=0.001, sigma=1.0),
    "output_tokens": AssumedQuantity(median=250, sigma=0.8),
}
DEFAULT_INPUT_TOKENS = 500.0


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What was observed of stable, lately.

    Attributes:
        summary: of the first request of each unit, as verdicts count them.
        requests: all of them.
        input_tokens: sum of those.
        told: of units of stable in its latest releases, with what users and judges said of them.
        correlation: see :class:`Expectation`.
    """

    summary: Summary = Summary()
    requests: int = 0
    input_tokens: int = 0
    told: Summary = Summary()
    correlation: float | None = None


def expect(
    history: History, assumed: AssumeSpec, *, is_by_request: bool, named: Iterable[GuardrailSpec] = ()
) -> Expectation:
    """Each metric from what was assumed, else from history, else from plain defaults that say so.

    Args:
        history: may be empty.
        assumed: by who asks.
        is_by_request: whether each request is a unit of its own.
        named: guardrails and objectives, whose feedback and judges are looked for too.

    Raises:
        InvalidInputError: something is assumed of a metric that nobody knows, or of a mean that is not above 0.
    """
    _check_names(assumed)
    found: dict[str, Expected] = {}
    for name, metric in METRICS.items():
        expected = _expected(name, metric.measure, history.summary, assumed, found)
        if expected is not None:
            found[name] = expected
    for guardrail in named:
        if guardrail.source is None and guardrail.metric not in METRICS:
            told = _expected(guardrail.metric, metric_of(guardrail).measure, history.told, assumed, found)
            if told is not None:
                found[guardrail.metric] = told
    measured = history.requests / history.summary.units if history.summary.units else 1.0
    per_unit = assumed.requests_per_unit or (1.0 if is_by_request else max(1.0, measured))
    tokens, cost = found["output_tokens"], found["cost_per_request"]
    assert isinstance(tokens, ExpectedQuantity)
    assert isinstance(cost, ExpectedQuantity)
    own_input = history.input_tokens / history.requests if history.requests else DEFAULT_INPUT_TOKENS
    return Expectation(
        metrics=found,
        samples=history.summary.judged,
        input_tokens=own_input if assumed.input_tokens is None else assumed.input_tokens,
        output_tokens=tokens.mean,
        cost_usd=cost.mean / 1e9,
        requests_per_unit=per_unit,
        correlation=history.correlation,
        segments={name: float(share) for name, share in assumed.segments.items()},
    )


def _check_names(assumed: AssumeSpec) -> None:
    for part in ("rates", "means", "told_by"):
        for name in getattr(assumed, part):
            if name not in METRICS and not name.startswith((FEEDBACK, JUDGE)):
                known = [*METRICS, f"{FEEDBACK}NAME", f"{JUDGE}NAME"]
                raise InvalidInputError(
                    f"there is no metric {name!r}", where=f"assume.{part}", remedy=nearest(name, known)
                )
    for name, mean in assumed.means.items():
        if not (mean.mean > 0 and mean.deviation >= 0):
            raise InvalidInputError("a mean is above 0 and a deviation is not negative", where=f"assume.means.{name}")


def _expected(
    name: str, measure: Measure, summary: Summary, assumed: AssumeSpec, known: Mapping[str, Expected]
) -> Expected | None:
    """Of one metric; ``None`` where neither history nor anybody says anything."""
    match measure:
        case Rate() as rate:
            return _rate(name, rate, summary, assumed)
        case Quantity() as quantity:
            return _quantity(name, quantity, summary, assumed, known) if name in _DEFAULT_QUANTITIES else None
        case Quotient(of, scale):
            return _ratio(name, of(summary), scale, summary, assumed)
        case Score(of, scale):
            return _score(name, of(summary), scale, summary, assumed)


def _rate(name: str, metric: Rate, summary: Summary, assumed: AssumeSpec) -> ExpectedRate | None:
    trials = metric.trials(summary)
    per_request = _per_request(name, trials, summary, assumed)
    if name in assumed.rates:
        share = float(assumed.rates[name])
        bad = 1 - share if metric.is_of_good else share
        return ExpectedRate(min(1 - 1e-9, max(1e-9, bad)), "assumed", per_request)
    if trials >= MINIMUM_BASELINE:
        return ExpectedRate((metric.events(summary) + 0.5) / (trials + 1), "history", per_request)
    return None if metric.is_of_good else ExpectedRate(_DEFAULT_RATES.get(name, 0.01), "default")


def _ratio(name: str, ratio: Ratio, scale: float, summary: Summary, assumed: AssumeSpec) -> ExpectedMean | None:
    """By the residuals of each unit's numerator, as its verdicts are."""
    per_request = _per_request(name, ratio.count, summary, assumed)
    if name in assumed.means:
        return _assumed_mean(assumed.means[name], per_request)
    if ratio.count < MINIMUM_BASELINE or not ratio.top or not ratio.bottom:
        return None
    value = ratio.value
    squares = ratio.top_squares - 2 * value * ratio.products + value**2 * ratio.bottom_squares
    deviation = math.sqrt(max(0.0, squares) / ratio.count)
    return ExpectedMean(value * scale, deviation / (ratio.top / ratio.count), "history", per_request)


def _score(name: str, values: Distribution, scale: float, summary: Summary, assumed: AssumeSpec) -> ExpectedMean | None:
    per_request = _per_request(name, values.count, summary, assumed)
    if name in assumed.means:
        return _assumed_mean(assumed.means[name], per_request)
    if values.count < MINIMUM_BASELINE or values.total <= 0:
        return None
    return ExpectedMean(values.mean / scale, values.deviation / values.mean, "history", per_request)


def _assumed_mean(given: AssumedMean, per_request: float) -> ExpectedMean:
    return ExpectedMean(given.mean, given.deviation / given.mean, "assumed", per_request)


def _per_request(name: str, telling: int, summary: Summary, assumed: AssumeSpec) -> float:
    """Share of the judged requests that tell the metric; all of them where nobody knows better."""
    if name in assumed.told_by:
        return max(1e-9, float(assumed.told_by[name]))
    return min(1.0, telling / summary.judged) if telling and summary.judged else 1.0


def _quantity(
    name: str,
    metric: Quantity,
    summary: Summary,
    assumed: AssumeSpec,
    known: Mapping[str, Expected],
) -> ExpectedQuantity:
    values, failed = metric.of(summary), metric.failures(summary)
    error_rate = known["error_rate"]
    failures = error_rate.rate if isinstance(error_rate, ExpectedRate) and metric.failures(_ONE_FAILURE) else 0.0
    share = float(assumed.streams) if name == "ttft" and assumed.streams is not None else 1.0
    given: AssumedQuantity | None = getattr(assumed, name)
    if given is None and values.count >= MINIMUM_BASELINE:
        own = failed / (values.count + failed)
        return ExpectedQuantity(values, 0.0, 0.0, own, (values.count + failed) / max(1, summary.judged), "history")
    chosen = given or _DEFAULT_QUANTITIES[name]
    log_median = math.log(chosen.median * metric.scale)
    return ExpectedQuantity(None, log_median, chosen.sigma, failures, share, "assumed" if given else "default")


_ONE_FAILURE = Summary(requests=1, outcomes={"upstream_error": 1}, streams=1, failed_streams=1)
