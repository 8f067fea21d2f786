"""What the requests assigned to one variant in one step add up to: integers only, so ``+`` is the whole merge.

Judged is the *assigned* variant's first attempt (``assigned_outcome``), not what the user finally got. Requests
the version cannot be blamed for (the client left, the caller's own mistake, our own fault) are counted as
outcomes, and appear in no rate.
"""

from __future__ import annotations

import msgspec

from tidegate.delivery.observation import FAILURES, Observation, Outcome
from tidegate.stats.distribution import Distribution

UNJUDGED = frozenset({Outcome.CANCELLED, Outcome.CALLER_ERROR, Outcome.NO_VERSION, Outcome.INTERNAL_ERROR})


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Additive counts of one (release, attempt, step, variant).

    Attributes:
        requests: every request assigned to the variant.
        units: units seen for the first time in this step; who folds says which are new.
        outcomes: assigned outcome -> requests.
        streams: judged requests that asked for a stream.
        failed_streams: those of them that failed.
        rescued: requests that another variant or a fallback answered.
        latency: start to last byte, microseconds, of answers by the variant itself.
        ttft: start to first content, microseconds, of its streams.
        tpot: time per output token, microseconds, where known.
        output_tokens: per answer, where known.
        cost: nano-USD per answer, where the price is known.
    """

    requests: int = 0
    units: int = 0
    outcomes: dict[str, int] = {}
    streams: int = 0
    failed_streams: int = 0
    rescued: int = 0
    latency: Distribution = Distribution()
    ttft: Distribution = Distribution()
    tpot: Distribution = Distribution()
    output_tokens: Distribution = Distribution()
    cost: Distribution = Distribution()

    @classmethod
    def of(cls, observation: Observation, *, is_new_unit: bool = True) -> Summary:
        """One request.

        Args:
            observation: what the gateway recorded.
            is_new_unit: whether its unit has not been seen in this step before.
        """
        outcome = observation.assigned_outcome
        is_judged = outcome not in UNJUDGED
        is_answer = is_judged and outcome not in FAILURES and observation.variant == observation.served
        streams = int(is_judged and observation.stream)
        return cls(
            requests=1,
            units=int(is_new_unit),
            outcomes={str(outcome): 1},
            streams=streams,
            failed_streams=streams * int(outcome in FAILURES),
            rescued=int(observation.served not in {"", observation.variant}),
            latency=_known(observation.duration_us, is_answer),
            ttft=_known(observation.ttft_us, is_answer and observation.stream and observation.ttft_us > 0),
            tpot=_known(observation.tpot_us, is_answer and observation.tpot_us > 0),
            output_tokens=_known(observation.output_tokens, is_answer),
            cost=_known(observation.cost_nano_usd, is_answer),
        )

    def __add__(self, other: Summary) -> Summary:
        outcomes = dict(self.outcomes)
        for outcome, count in other.outcomes.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + count
        return Summary(
            requests=self.requests + other.requests,
            units=self.units + other.units,
            outcomes=outcomes,
            streams=self.streams + other.streams,
            failed_streams=self.failed_streams + other.failed_streams,
            rescued=self.rescued + other.rescued,
            latency=self.latency + other.latency,
            ttft=self.ttft + other.ttft,
            tpot=self.tpot + other.tpot,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=self.cost + other.cost,
        )

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


def _known(value: int, is_counted: bool) -> Distribution:
    return Distribution.of(value) if is_counted and value >= 0 else Distribution()
