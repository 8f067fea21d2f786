"""What users got in one stretch of time: additive integers, small enough to keep for a year.

A tally answers the questions of an operator's overview (how many, how many failed, how fast, how dear), not those
of a release's statistics: these rest on :class:`~tidegate.delivery.evidence.summary.Summary`. Times are histograms of eight
buckets to the doubling, which is OpenTelemetry's exponential histogram at scale 3: the buckets of
:mod:`tidegate.stats.distribution`, four in one, so a quantile is known to within 9 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from tidegate.delivery.observation import FAILURES, Observation, perplexity_thousandths
from tidegate.stats.distribution import bucket

FINEST_SECONDS = 10
_COARSER = 2  # a shift of the index by this many bits merges four buckets into one
_PER_DOUBLING = 8
K = TypeVar("K", int, str)


class TallyKey(NamedTuple):
    """Whose requests, begun within ``period`` seconds from ``start`` (seconds since the epoch)."""

    service: str
    period: int
    start: int
    version: str
    variant: str
    release: str


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """Counts of the requests that were assigned to one version.

    Attributes:
        failures: of the user, after any rescue; ``assigned_failures`` of the version's own first attempt.
        rescued: answered by another version or a fallback.
        outcomes: the user's outcome -> requests.
        priced: requests whose cost is known; ``cost_nano_usd`` is theirs.
        ttft: microseconds to the first content, of streams: bucket -> requests.
        latency: microseconds to the last byte, of answers that did not fail.
        lengths: output tokens of answers: bucket -> answers.
        paces: microseconds per output token, of streams that told them.
        prompts: input tokens of answers: bucket -> answers.
        perplexities: thousandths, of answers whose tokens' probabilities were told.
    """

    requests: int = 0
    failures: int = 0
    assigned_failures: int = 0
    rescued: int = 0
    outcomes: dict[str, int] = {}
    input_tokens: int = 0
    output_tokens: int = 0
    priced: int = 0
    cost_nano_usd: int = 0
    ttft: dict[int, int] = {}
    latency: dict[int, int] = {}
    lengths: dict[int, int] = {}
    paces: dict[int, int] = {}
    prompts: dict[int, int] = {}
    perplexities: dict[int, int] = {}

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.requests + other.requests,
            self.failures + other.failures,
            self.assigned_failures + other.assigned_failures,
            self.rescued + other.rescued,
            _merged(self.outcomes, other.outcomes),
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.priced + other.priced,
            self.cost_nano_usd + other.cost_nano_usd,
            _merged(self.ttft, other.ttft),
            _merged(self.latency, other.latency),
            _merged(self.lengths, other.lengths),
            _merged(self.paces, other.paces),
            _merged(self.prompts, other.prompts),
            _merged(self.perplexities, other.perplexities),
        )

    @property
    def error_rate(self) -> float | None:
        """Share of requests that failed for their users; ``None`` without requests."""
        return self.failures / self.requests if self.requests else None

    @property
    def cost_usd(self) -> float | None:
        """What all requests cost, the unpriced ones reckoned at the mean; ``None`` when no cost is known."""
        return self.cost_nano_usd / self.priced * self.requests / 1e9 if self.priced else None

    def ttft_seconds(self, q: float) -> float | None:
        """The ``q`` quantile of the time to the first content; ``None`` without streams."""
        return _quantile_seconds(self.ttft, q)

    def latency_seconds(self, q: float) -> float | None:
        """The ``q`` quantile of the time to the last byte; ``None`` without answers."""
        return _quantile_seconds(self.latency, q)


def tally(observations: Iterable[Observation]) -> dict[TallyKey, Tally]:
    """What each version's users got, by stretches of :data:`FINEST_SECONDS`."""
    grouped: dict[tuple[int, str, str, str, str], list[Observation]] = {}
    for row in observations:
        if row.version and not row.propensity:  # a probe: its variant was chosen by nobody's hash
            continue
        stretch = row.started_at_us // (FINEST_SECONDS * 1_000_000)
        grouped.setdefault((stretch, row.service, row.version, row.variant, row.release), []).append(row)
    return {
        TallyKey(service, FINEST_SECONDS, stretch * FINEST_SECONDS, version, variant, release): _of(rows)
        for (stretch, service, version, variant, release), rows in grouped.items()
    }


def total_of(tallies: Iterable[Tally]) -> Tally:
    """The sum of many, without making a tally for each step of the way."""
    columns: Iterable[Any] = zip(*map(msgspec.structs.astuple, tallies), strict=True)
    return Tally(*(sum(column) if isinstance(column[0], int) else _merged_all(column) for column in columns))


def median_of(histogram: Mapping[int, int]) -> float | None:
    """The median of one of a tally's histograms, in its own unit; ``None`` without values."""
    return _quantile(histogram, 0.5)


def edges_of(index: int) -> tuple[float, float]:
    """``(lower, upper)`` of a bucket, in its histogram's own unit."""
    return math.exp2(index / _PER_DOUBLING), math.exp2((index + 1) / _PER_DOUBLING)


def coarser(key: TallyKey, period: int) -> TallyKey:
    """The key of the longer stretch that ``key`` lies in."""
    return key._replace(period=period, start=key.start - key.start % period)


def _of(rows: list[Observation]) -> Tally:
    outcomes = Counter(str(row.outcome) for row in rows)
    costs = [row.cost_nano_usd for row in rows if row.cost_nano_usd >= 0]
    return Tally(
        requests=len(rows),
        failures=sum(count for outcome, count in outcomes.items() if outcome in FAILURES),
        assigned_failures=sum(row.assigned_outcome in FAILURES for row in rows),
        rescued=sum(row.served not in {"", row.variant} for row in rows),
        outcomes=dict(outcomes),
        input_tokens=sum(row.input_tokens for row in rows if row.input_tokens > 0),
        output_tokens=sum(row.output_tokens for row in rows if row.output_tokens > 0),
        priced=len(costs),
        cost_nano_usd=sum(costs),
        ttft=_histogram(row.ttft_us for row in rows if row.ttft_us > 0),
        latency=_histogram(row.duration_us for row in rows if row.duration_us > 0 and row.outcome not in FAILURES),
        lengths=_histogram(row.output_tokens for row in rows if row.output_tokens > 0 and row.served == row.variant),
        paces=_histogram(row.tpot_us for row in rows if row.tpot_us > 0),
        perplexities=_histogram(
            perplexity_thousandths(row) for row in rows if row.surprisal_tokens > 0 and row.served == row.variant
        ),
        prompts=_histogram(row.input_tokens for row in rows if row.input_tokens > 0 and row.served == row.variant),
    )


def _histogram(values: Iterable[int]) -> dict[int, int]:
    return dict(Counter(bucket(value) >> _COARSER for value in values))


def _quantile_seconds(histogram: Mapping[int, int], q: float) -> float | None:
    found = _quantile(histogram, q)
    return None if found is None else found / 1e6


def _quantile(histogram: Mapping[int, int], q: float) -> float | None:
    """Where the rank falls within its bucket, on the logarithmic scale, so that small changes show."""
    count = sum(histogram.values())
    if not count:
        return None
    rank, seen = max(1.0, q * count), 0
    for index in sorted(histogram):
        inside = histogram[index]
        if seen + inside >= rank:
            return math.exp2((index + (rank - seen) / inside) / _PER_DOUBLING)
        seen += inside
    raise AssertionError  # the last bucket reaches every rank


def _merged_all(histograms: Iterable[Mapping[K, int]]) -> Any:
    merged: dict[K, int] = {}
    for histogram in histograms:
        for name, count in histogram.items():
            merged[name] = merged.get(name, 0) + count
    return merged


def _merged(one: Mapping[K, int], other: Mapping[K, int]) -> dict[K, int]:
    merged = dict(one)
    for name, count in other.items():
        merged[name] = merged.get(name, 0) + count
    return merged
