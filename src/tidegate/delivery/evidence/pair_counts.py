"""What the pairs of one step add up to: integers only, so ``+`` is the whole merge.

A pair says something of the versions only when both its answers do: a user who left, a caller's own mistake, or a copy
that was ended half-way is counted for its cost and for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tidegate.delivery.evidence.summary import UNJUDGED, Summary
from tidegate.delivery.evidence.votes import Votes, merged
from tidegate.delivery.observation import FAILURES, Observation
from tidegate.delivery.pairs import PairRecord
from tidegate.stats.distribution import Distribution
from tidegate.stats.paired import Differences

MICRO = 1_000_000


class PairedSums(msgspec.Struct, frozen=True, omit_defaults=True):
    """One quantity over the pairs that tell it of both answers.

    Attributes:
        candidate, stable: sums of each, ``candidate_squares``, ``stable_squares`` of their squares.
        products: sum of candidate times stable.
        shift: differences over sums, (candidate - stable) / (candidate + stable) in millionths: free of the unit,
            bounded, and symmetric around 0 when both answers are alike.
    """

    candidate: int = 0
    stable: int = 0
    candidate_squares: int = 0
    stable_squares: int = 0
    products: int = 0
    shift: Differences = Differences()

    @classmethod
    def of(cls, candidate: int, stable: int) -> PairedSums:
        """One pair of values, each at least 0."""
        both = candidate + stable
        return cls(
            candidate,
            stable,
            candidate * candidate,
            stable * stable,
            candidate * stable,
            Differences.of([(candidate - stable) * MICRO // both if both else 0]),
        )

    def __add__(self, other: PairedSums) -> PairedSums:
        return PairedSums(
            self.candidate + other.candidate,
            self.stable + other.stable,
            self.candidate_squares + other.candidate_squares,
            self.stable_squares + other.stable_squares,
            self.products + other.products,
            self.shift + other.shift,
        )

    @property
    def count(self) -> int:
        """Pairs."""
        return self.shift.count

    def excess(self, factor: float) -> tuple[float, float]:
        """Mean and standard deviation of candidate minus ``factor`` times stable; needs two pairs."""
        n = self.count
        total = self.candidate - factor * self.stable
        squares = self.candidate_squares - 2 * factor * self.products + factor * factor * self.stable_squares
        return total / n, max(0.0, (squares - total * total / n) / (n - 1)) ** 0.5


class PairCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Pairs of one (release, attempt, step).

    Attributes:
        copies: every copy that was sent.
        cost, tokens: of all of them, nano-USD and tokens, as far as known.
        unpriced: copies whose cost nobody knows.
        candidate, stable: both sides of the judged pairs, as if each had been a variant's requests.
        outcomes: ``stable's outcome/candidate's outcome`` -> judged pairs.
        quantities: latency, ttft and tpot in microseconds, output_tokens, cost in nano-USD.
        compared: pairs whose texts could be compared; ``exact`` of them were equal.
        similarity: of the texts, in millionths.
        votes: question -> preferences between both answers; ``judge:NAME``, ``feedback:NAME``.
    """

    copies: int = 0
    cost: int = 0
    tokens: int = 0
    unpriced: int = 0
    candidate: Summary = Summary()
    stable: Summary = Summary()
    outcomes: dict[str, int] = {}
    quantities: dict[str, PairedSums] = {}
    compared: int = 0
    exact: int = 0
    similarity: Distribution = Distribution()
    votes: dict[str, Votes] = {}

    @classmethod
    def of(cls, pair: PairRecord) -> PairCounts:
        """One pair."""
        copy = pair.candidate
        users = msgspec.structs.replace(pair.stable, waited_us=0)  # its report while it was open is counted elsewhere
        spent = cls(
            copies=1,
            cost=max(0, copy.cost_nano_usd),
            tokens=max(0, copy.input_tokens) + max(0, copy.output_tokens),
            unpriced=int(copy.cost_nano_usd < 0),
        )
        if copy.assigned_outcome in UNJUDGED or users.assigned_outcome in UNJUDGED:
            return spent
        is_compared = pair.is_exact is not None and pair.similarity is not None
        return msgspec.structs.replace(
            spent,
            candidate=Summary.of(copy),
            stable=Summary.of(users),
            outcomes={f"{users.assigned_outcome}/{copy.assigned_outcome}": 1},
            quantities=_quantities(copy, users),
            compared=int(is_compared),
            exact=int(bool(pair.is_exact)),
            similarity=Distribution.of(pair.similarity or 0) if is_compared else Distribution(),
        )

    def __add__(self, other: PairCounts) -> PairCounts:
        return PairCounts(
            self.copies + other.copies,
            self.cost + other.cost,
            self.tokens + other.tokens,
            self.unpriced + other.unpriced,
            self.candidate + other.candidate,
            self.stable + other.stable,
            {name: self.outcomes.get(name, 0) + other.outcomes.get(name, 0) for name in self.outcomes | other.outcomes},
            _merged(self.quantities, other.quantities),
            self.compared + other.compared,
            self.exact + other.exact,
            self.similarity + other.similarity,
            merged(self.votes, other.votes),
        )

    @property
    def void(self) -> int:
        """Pairs that lack an answer to compare: one version failed, or the user left."""
        both = sum(count for told, count in self.outcomes.items() if FAILURES.isdisjoint(told.split("/")))
        return self.copies - both

    @property
    def pairs(self) -> int:
        """Judged pairs: what ``min_samples`` counts."""
        return self.candidate.judged


def _quantities(copy: Observation, users: Observation) -> dict[str, PairedSums]:
    if not (_is_answer(copy) and _is_answer(users)):
        return {}
    streamed = copy.stream and users.stream
    told = {
        "latency": (copy.duration_us, users.duration_us, True),
        "ttft": (copy.ttft_us, users.ttft_us, streamed and copy.ttft_us > 0 < users.ttft_us),
        "tpot": (copy.tpot_us, users.tpot_us, copy.tpot_us > 0 < users.tpot_us),
        "output_tokens": (copy.output_tokens, users.output_tokens, True),
        "cost": (copy.cost_nano_usd, users.cost_nano_usd, True),
    }
    return {
        name: PairedSums.of(candidate, stable)
        for name, (candidate, stable, is_told) in told.items()
        if is_told and candidate >= 0 <= stable
    }


def _is_answer(row: Observation) -> bool:
    return row.assigned_outcome not in FAILURES and row.variant == row.served


def _merged(one: Mapping[str, PairedSums], other: Mapping[str, PairedSums]) -> dict[str, PairedSums]:
    return {name: one.get(name, PairedSums()) + other.get(name, PairedSums()) for name in {**one, **other}}
