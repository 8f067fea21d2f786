"""What the requests assigned to one variant in one step add up to: integers only, so ``+`` is the whole merge.

Judged is the *assigned* variant's first attempt (``assigned_outcome``), not what the user finally got. Requests
the version cannot be blamed for (the client left, the caller's own mistake, our own fault) are counted as
outcomes, and appear in no rate.

A request that takes long is reported while it is open, and counts as lasting at least that long: a version whose
slow requests have not ended yet must not look quick. Its later rows take that report back, so the order and the
grouping in which rows are added do not matter.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.observation import FAILURES, Observation, Outcome, perplexity_thousandths
from tidegate.stats.distribution import Distribution
from tidegate.stats.ratio import Ratio

UNJUDGED = frozenset({Outcome.CANCELLED, Outcome.CALLER_ERROR, Outcome.NO_VERSION, Outcome.INTERNAL_ERROR})


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Additive counts of one (release, attempt, step, variant).

    Attributes:
        requests: every request assigned to the variant that ended.
        units: units seen for the first time in this step; who folds says which are new.
        outcomes: assigned outcome -> requests.
        streams: judged requests that asked for a stream.
        failed_streams: those of them that failed.
        rescued: judged requests that another variant or a fallback answered.
        formatted: answers that had to be JSON and were looked at.
        malformed: those of them that are not.
        latency: start to last byte, microseconds, of answers by the variant itself.
        ttft: start to first content, microseconds, of its streams.
        tpot: time per output token, microseconds, where known.
        output_tokens: per answer, where known.
        cost: nano-USD per answer, where the price is known.
        speed: output tokens over the microseconds of the answer.
        cached: input tokens that the upstream took from its cache, over all of them.
        open_latency: ages of requests that have not ended, microseconds.
        open_ttft: ages of streams without content yet, microseconds.
        opinions: feedback name -> what was said of the answers.
        perplexity: in thousandths, of answers whose tokens' probabilities were told.
    """

    requests: int = 0
    units: int = 0
    outcomes: dict[str, int] = {}
    streams: int = 0
    failed_streams: int = 0
    rescued: int = 0
    formatted: int = 0
    malformed: int = 0
    latency: Distribution = Distribution()
    ttft: Distribution = Distribution()
    tpot: Distribution = Distribution()
    output_tokens: Distribution = Distribution()
    cost: Distribution = Distribution()
    speed: Ratio = Ratio()
    cached: Ratio = Ratio()
    open_latency: Distribution = Distribution()
    open_ttft: Distribution = Distribution()
    opinions: dict[str, Opinions] = {}
    perplexity: Distribution = Distribution()

    @classmethod
    def of(cls, row: Observation, *, is_new_unit: bool = True) -> Summary:
        """One row of one request; a report of it that came before is taken back.

        Args:
            row: what the gateway recorded.
            is_new_unit: whether its unit has not been seen in this step before.
        """
        found = _of_open(row) if row.is_open else _of_ended(row)
        if is_new_unit:
            found = msgspec.structs.replace(found, units=1)
        return found.without(_of_open(reported(row))) if row.waited_us else found

    def __add__(self, other: Summary) -> Summary:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Summary(*(_sum(one, two) for one, two in pairs))

    def without(self, part: Summary) -> Summary:
        """What is left when ``part`` is taken out again."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(part), strict=True)
        return Summary(*(_difference(one, two) for one, two in pairs))

    def count(self, *outcomes: Outcome) -> int:
        """Requests that ended in one of ``outcomes``."""
        return sum(self.outcomes.get(outcome, 0) for outcome in outcomes)

    @property
    def judged(self) -> int:
        """Requests whose outcome says something of the version."""
        return self.requests - self.count(*UNJUDGED)

    @property
    def samples(self) -> int:
        """What ``min_samples`` counts: units, as far as their requests say anything."""
        return min(self.units, self.judged)

    @property
    def failures(self) -> int:
        """Judged requests that the version failed."""
        return self.count(*FAILURES)


def reported(row: Observation) -> Observation:
    """The report of an open request that came before ``row``, which names it in ``waited_us``."""
    has_content = 0 < row.ttft_us <= row.waited_us
    return msgspec.structs.replace(
        row, is_open=True, duration_us=row.waited_us, ttft_us=row.ttft_us if has_content else 0, waited_us=0
    )


def _of_open(row: Observation) -> Summary:
    age = Distribution.of(row.duration_us)
    return Summary(open_latency=age, open_ttft=age if row.stream and not row.ttft_us else Distribution())


def _of_ended(row: Observation) -> Summary:
    outcome = row.assigned_outcome
    is_judged = outcome not in UNJUDGED
    is_answer = is_judged and outcome not in FAILURES and row.variant == row.served
    is_written = is_answer and row.output_tokens > 0 and row.duration_us > 0
    streams = int(is_judged and row.stream)
    return Summary(
        requests=1,
        outcomes={str(outcome): 1},
        streams=streams,
        failed_streams=streams * int(outcome in FAILURES),
        rescued=int(is_judged and row.served not in {"", row.variant}),
        formatted=int(is_answer and row.keeps_format >= 0),
        malformed=int(is_answer and row.keeps_format == 0),
        latency=_known(row.duration_us, is_answer),
        ttft=_known(row.ttft_us, is_answer and row.stream and row.ttft_us > 0),
        tpot=_known(row.tpot_us, is_answer and row.tpot_us > 0),
        output_tokens=_known(row.output_tokens, is_answer),
        cost=_known(row.cost_nano_usd, is_answer),
        perplexity=_known(perplexity_thousandths(row), is_answer and row.surprisal_tokens > 0),
        speed=Ratio.of(row.output_tokens, row.duration_us) if is_written else Ratio(),
        cached=Ratio.of(max(0, row.cached_tokens), row.input_tokens) if is_answer and row.input_tokens > 0 else Ratio(),
    )


def _known(value: int, is_counted: bool) -> Distribution:
    return Distribution.of(value) if is_counted and value >= 0 else Distribution()


def _sum(one: Any, two: Any) -> Any:
    if not isinstance(one, dict):
        return one + two
    return one | {key: _sum(one[key], value) if key in one else value for key, value in two.items()}


def _difference(one: Any, two: Any) -> Any:
    """As :func:`_sum`; an entry of which nothing is left is dropped, so that equal counts are equal."""
    if isinstance(one, int):
        return one - two
    if not isinstance(one, dict):
        return one.without(two)
    left = dict(one)
    for key, value in two.items():
        nothing = type(value)()
        left[key] = _difference(one.get(key, nothing), value)
        if left[key] == nothing:
            del left[key]
    return left
