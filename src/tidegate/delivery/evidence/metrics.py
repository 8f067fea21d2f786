"""What can be measured of a version: the one table that judging, files, command line, API and documents read.

Each metric has a unit, says which way is harm, and is of one kind:

- a *rate*: the share of requests with an event. Judged are always the harmful events, also where the metric is the
  share of the good ones (``schema_valid_rate``);
- a *quantity* per request: a quantile or a mean of it is judged. Failed requests exceed every value;
- a *ratio* of two sums over requests;
- a *score*: the mean of numbers that users or applications gave.

``feedback:NAME`` is a rate of yes and no, or with ``stat: mean`` a score, ``feedback:NAME=CATEGORY`` a share; ``judge:NAME`` is a score, or with ``stat:
win_rate`` the win rate of the pairs that a judge compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from tidegate.delivery.evidence import opinions
from tidegate.delivery.evidence.measures import QUANTILES, Measure, Quantity, Quotient, Rate, Score
from tidegate.delivery.evidence.opinions import MICRO, Opinions
from tidegate.delivery.evidence.showing import show_in_unit
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.evidence.votes import WIN_RATE
from tidegate.delivery.observation import FAILURES, Outcome
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.distribution import Distribution

FEEDBACK, JUDGE = opinions.FEEDBACK, opinions.JUDGE


class Kind(StrEnum):
    """How a metric is computed and judged."""

    RATE = "rate"
    QUANTITY = "quantity"
    RATIO = "ratio"
    SCORE = "score"


class Harm(StrEnum):
    """Which way is worse."""

    INCREASE = "increase"
    DECREASE = "decrease"
    EITHER = "change"


class Metric(NamedTuple):
    """One row of the table.

    Attributes:
        unit: of values; a change of a rate is in points, of everything else relative to stable.
        meaning: one sentence.
        stat: the statistic that a guardrail is about when it names none; ``None`` for what has but one.
    """

    name: str
    kind: Kind
    unit: str
    harm: Harm
    meaning: str
    measure: Measure
    stat: str | None = None


def _outcomes(*outcomes: Outcome) -> Rate:
    return Rate(lambda s: s.count(*outcomes), lambda s: s.judged, outcomes=frozenset(outcomes))


def _rate(name: str, measure: Rate, meaning: str) -> Metric:
    harm = Harm.DECREASE if measure.is_of_good else Harm.INCREASE
    return Metric(name, Kind.RATE, "share", harm, meaning, measure)


_LATENCY = Quantity(lambda s: s.latency, 1e6, lambda s: s.failures, lambda s: s.open_latency)
_TTFT = Quantity(lambda s: s.ttft, 1e6, lambda s: s.failed_streams, lambda s: s.open_ttft)
_TPOT = Quantity(lambda s: s.tpot, 1e6, lambda s: s.failures)
_FORMAT = Rate(lambda s: s.malformed, lambda s: s.formatted, is_of_good=True)

TABLE: tuple[Metric, ...] = (
    _rate(
        "error_rate",
        _outcomes(*FAILURES),
        "requests that the assigned version failed: errors and rejections of its upstream, rate limits, timeouts and "
        "truncated answers, whether or not somebody else answered the user",
    ),
    _rate("timeout_rate", _outcomes(Outcome.TIMEOUT), "requests on which one of the timers of the version ran out"),
    _rate("truncation_rate", _outcomes(Outcome.TRUNCATED), "answers that broke off without their end"),
    _rate(
        "refusal_rate",
        _outcomes(Outcome.REFUSED, Outcome.FILTERED),
        "answers in which the model declined or a content filter cut it, by a structured signal of the upstream",
    ),
    _rate(
        "filter_hit_rate",
        _outcomes(Outcome.FILTERED),
        "requests and answers that a content filter of the upstream stopped, by a structured signal",
    ),
    _rate(
        "fallback_rate",
        Rate(lambda s: s.rescued, lambda s: s.judged),
        "requests that another variant or a fallback answered, because the assigned version did not",
    ),
    Metric(
        "latency",
        Kind.QUANTITY,
        "s",
        Harm.INCREASE,
        "from the arrival of a request to the last byte of its answer",
        _LATENCY,
        "p95",
    ),
    Metric(
        "ttft",
        Kind.QUANTITY,
        "s",
        Harm.INCREASE,
        "from the arrival of a streamed request to the first content sent to the client",
        _TTFT,
        "p95",
    ),
    Metric(
        "tpot",
        Kind.QUANTITY,
        "s",
        Harm.INCREASE,
        "time for each output token after the first, of streams whose tokens were told",
        _TPOT,
        "p95",
    ),
    Metric(
        "output_tokens",
        Kind.QUANTITY,
        "tokens",
        Harm.EITHER,
        "output tokens of an answer, where the upstream told them",
        Quantity(lambda s: s.output_tokens, 1.0),
        "mean",
    ),
    Metric(
        "perplexity",
        Kind.QUANTITY,
        "",
        Harm.EITHER,
        "exponential of the mean surprisal of an answer's tokens, where the client asked for log probabilities and the "
        "upstream told them",
        Quantity(lambda s: s.perplexity, 1e3),
        "mean",
    ),
    Metric(
        "tokens_per_second",
        Kind.RATIO,
        "tokens/s",
        Harm.DECREASE,
        "output tokens of all answers over the seconds they took from arrival to the last byte",
        Quotient(lambda s: s.speed, 1e6),
    ),
    Metric(
        "cost_per_request",
        Kind.QUANTITY,
        "USD",
        Harm.INCREASE,
        "what an answer costs by its tokens and the configured prices; requests without a price count for nothing",
        Quantity(lambda s: s.cost, 1e9),
        "mean",
    ),
    Metric(
        "cache_hit_rate",
        Kind.RATIO,
        "share",
        Harm.DECREASE,
        "input tokens that the upstream took from its prompt cache, over all input tokens it told",
        Quotient(lambda s: s.cached, 1.0),
    ),
    _rate(
        "schema_valid_rate",
        _FORMAT,
        "whole answers that are JSON where JSON was asked for, and whose calls have arguments that are JSON; streams "
        "are not looked at, and values are not held against their schema",
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in TABLE}


def _opinions(name: str) -> Callable[[Summary], Opinions]:
    return lambda summary: summary.opinions.get(name, _NO_OPINIONS)


_NO_OPINIONS = Opinions()


def feedback_metric(name: str, stat: str | None) -> Metric:
    """The metric ``feedback:NAME``: a rate of yes and no, or with the statistic ``mean`` a score; of categories
    ``NAME=CATEGORY`` is the share of those who chose one that chose this, ``NAME!=CATEGORY`` of those that did not."""
    question, is_category, category = name.partition("=")
    if is_category:
        is_other, of = question.endswith("!"), _opinions(question.removesuffix("!"))
        chosen = Rate(
            lambda s: of(s).chose(category) if is_other else of(s).chosen - of(s).chose(category),
            lambda s: of(s).chosen,
            is_of_good=True,
        )
        return Metric(FEEDBACK + name, Kind.RATE, "share", Harm.DECREASE, FEEDBACK_MEANING, chosen)
    of = _opinions(name)
    if stat == "mean":
        score = Score(lambda summary: of(summary).numbers, MICRO)
        return Metric(FEEDBACK + name, Kind.SCORE, "points", Harm.DECREASE, FEEDBACK_MEANING, score, "mean")
    rate = Rate(lambda s: of(s).no, lambda s: of(s).yes + of(s).no, is_of_good=True)
    return Metric(FEEDBACK + name, Kind.RATE, "share", Harm.DECREASE, FEEDBACK_MEANING, rate)


FEEDBACK_MEANING = (
    "what users or applications said under this name: the share of yes among yes and no, or with stat: mean "
    "the mean of the numbers; NAME=CATEGORY is the share of this category among those chosen, NAME!=CATEGORY of all "
    "others; the first verdict of each unit counts"
)


def judge_metric(name: str) -> Metric:
    """The metric ``judge:NAME``: the mean of what a judge said, from 0 to 1."""
    score = Score(lambda summary: _opinions(JUDGE + name)(summary).numbers, MICRO)
    return Metric(JUDGE + name, Kind.SCORE, "points", Harm.DECREASE, JUDGE_MEANING, score)


JUDGE_MEANING = (
    "the mean of the scores from 0 to 1 that a judge gave to kept answers, of pairs a win as 1 and a tie as one half; "
    "the first verdict of each unit counts"
)

WIN_RATE_METRIC = Metric(
    WIN_RATE,
    Kind.SCORE,
    "points",
    Harm.DECREASE,
    "how often the candidate's answer is preferred to stable's, a tie as half a time; of an interleaving alone",
    Score(lambda _: Distribution(), 1.0),  # votes are counted with pairs, not with a variant's requests
)


def metric_of(guardrail: GuardrailSpec) -> Metric:
    """The row of the table that a checked guardrail is about; only of those read from observations and feedback."""
    if guardrail.metric.startswith(FEEDBACK):
        return feedback_metric(guardrail.metric.removeprefix(FEEDBACK), guardrail.stat)
    if guardrail.metric.startswith(JUDGE):
        return judge_metric(guardrail.metric.removeprefix(JUDGE))
    if guardrail.metric == WIN_RATE:
        return WIN_RATE_METRIC
    return METRICS[guardrail.metric]


def metric_name(guardrail: GuardrailSpec) -> str:
    """``latency.p95``, ``error_rate``."""
    return f"{guardrail.metric}.{guardrail.stat}" if guardrail.stat else guardrail.metric


def estimate_of(guardrail: GuardrailSpec, summary: Summary) -> float | None:
    """The metric's value in its own unit; ``None`` without data, infinite for a quantile that is a failure."""
    match metric_of(guardrail).measure:
        case Rate() as rate:
            trials = rate.trials(summary)
            share = rate.events(summary) / trials if trials else None
            return None if share is None else 1 - share if rate.is_of_good else share
        case Quotient(of, scale):
            ratio = of(summary)
            return ratio.value * scale if ratio.bottom else None
        case Quantity() as quantity if guardrail.stat != "mean":
            tail = quantity.tail(summary)
            q = QUANTILES[guardrail.stat or "p95"]
            return tail.quantile(q) / quantity.scale if tail.values.count else None
        case Quantity() | Score() as measure:
            values = measure.of(summary)
            return values.mean / measure.scale if values.count else None


def samples_of(guardrail: GuardrailSpec, summary: Summary) -> int:
    """Requests that tell the metric."""
    match metric_of(guardrail).measure:
        case Rate() as rate:
            return rate.trials(summary)
        case Quantity() as quantity if guardrail.stat != "mean":
            return quantity.tail(summary).size
        case Quantity() | Score() | Quotient() as measure:
            return measure.of(summary).count


def show_value(guardrail: GuardrailSpec, value: float | None) -> str:
    """``8 %``, ``2.5 s``."""
    if value is None or not math.isfinite(value):
        return "beyond measure"
    if guardrail.source is not None:
        return f"{value:.6g}"
    return show_in_unit(value, metric_of(guardrail).unit)
