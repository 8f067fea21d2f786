"""Folds observations into the counts that releases are judged by.

The same numbers as adding :meth:`Summary.of` up one by one (a property test says so), in one pass over
plain integers: ingest does this for every observation of a running release.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tidegate.delivery.evidence.summary import UNJUDGED, Summary
from tidegate.delivery.observation import FAILURES, Observation
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.registry.observations import Counted, CountKey
from tidegate.stats.distribution import Distribution, bucket

MAX_UNITS = 200_000  # remembered for each key; beyond that a unit is no longer counted as new


class Units:
    """Which units were seen in each step's window, whatever the round; bounded, so that a count of units is never too
    high."""

    def __init__(self, limit: int = MAX_UNITS) -> None:
        self._limit = limit
        self._seen: dict[CountKey, set[int]] = {}

    def new(self, key: CountKey, unit_hashes: set[int]) -> set[int]:
        """Those of ``unit_hashes`` not seen before; nothing is remembered yet."""
        seen: set[int] = self._seen.get(_without_round(key), set())
        return unit_hashes - seen if len(seen) < self._limit else set()

    def remember(self, folded: Iterable[Folded]) -> None:
        """What :func:`fold` found new is stored now."""
        for part in folded:
            self._seen.setdefault(_without_round(part.key), set()).update(part.new_units)

    def forget(self, release: str) -> None:
        """The release ended."""
        for key in [key for key in self._seen if key[0] == release]:
            del self._seen[key]


def _without_round(key: CountKey) -> CountKey:
    release, attempt, step, _, variant = key
    return release, attempt, step, 0, variant


class Folded(NamedTuple):
    """What one batch adds to one key, and the units it shows for the first time."""

    key: CountKey
    counted: Counted
    new_units: set[int]


def is_randomised(row: Observation) -> bool:
    """Whether a coin chose the variant, rather than a rule that left no choice."""
    return 0 < row.propensity < TOTAL_WEIGHT


def fold(
    observations: Iterable[Observation],
    units: Units,
    is_sample: Callable[[Observation], bool],
    is_compared: Callable[[Observation], bool] = is_randomised,
) -> list[Folded]:
    """Counts of the observations that belong to a release, by (release, attempt, step, round, variant).

    A unit that returns is counted once where arms are compared, by its first request (of those that arrive
    together, the one that began first): requests of one unit are alike, and counting all of them would make
    chance look like evidence.

    Args:
        is_sample: whether the request began in the step's window; the others are counted as early.
        is_compared: whether its variant was chosen with the share of the step.
    """
    tallies: dict[tuple[CountKey, bool], _Tally] = {}
    for row in observations:
        if not row.release or not row.propensity:  # a forced variant was chosen by nobody's hash
            continue
        key = ((row.release, row.attempt, row.step, row.round, row.variant), is_sample(row))
        tally = tallies.get(key)
        if tally is None:
            tally = tallies[key] = _Tally()
        tally.add(row)
    return [_folded(key, tallies, units, is_compared) for key in dict.fromkeys(key for key, _ in tallies)]


def _folded(
    key: CountKey,
    tallies: Mapping[tuple[CountKey, bool], _Tally],
    units: Units,
    is_compared: Callable[[Observation], bool],
) -> Folded:
    early, window = tallies.get((key, False)), tallies.get((key, True))
    new_units = units.new(key, set(window.firsts)) if window else set()
    counted = Counted(
        early.summary(len(early.firsts)) if early else Summary(),
        window.summary(len(new_units)) if window else Summary(),
        _compared(window, new_units, is_compared) if window else Summary(),
    )
    return Folded(key, counted, new_units)


def _compared(window: _Tally, new_units: set[int], is_compared: Callable[[Observation], bool]) -> Summary:
    tally = _Tally()
    for unit in new_units:
        first = window.firsts[unit]
        if is_compared(first):
            tally.add(first)
    return tally.summary(len(tally.firsts))


class _Tally:
    __slots__ = ("failed_streams", "firsts", "outcomes", "requests", "rescued", "streams", "values")

    def __init__(self) -> None:
        self.requests = self.streams = self.failed_streams = self.rescued = 0
        self.firsts: dict[int, Observation] = {}  # unit -> its first request
        self.outcomes: Counter[str] = Counter()
        self.values: dict[str, list[int]] = {"latency": [], "ttft": [], "tpot": [], "output_tokens": [], "cost": []}

    def add(self, row: Observation) -> None:
        outcome = row.assigned_outcome
        self.requests += 1
        first = self.firsts.get(row.unit_hash)
        if first is None or row.started_at_us < first.started_at_us:
            self.firsts[row.unit_hash] = row
        self.outcomes[str(outcome)] += 1
        self.rescued += row.served not in {"", row.variant}
        if outcome in UNJUDGED:
            return
        is_failure = outcome in FAILURES
        if row.stream:
            self.streams += 1
            self.failed_streams += is_failure
        if not is_failure and row.variant == row.served:
            self._add_answer(row)

    def _add_answer(self, row: Observation) -> None:
        values = self.values
        if row.duration_us >= 0:
            values["latency"].append(row.duration_us)
        if row.stream and row.ttft_us > 0:
            values["ttft"].append(row.ttft_us)
        if row.tpot_us > 0:
            values["tpot"].append(row.tpot_us)
        if row.output_tokens >= 0:
            values["output_tokens"].append(row.output_tokens)
        if row.cost_nano_usd >= 0:
            values["cost"].append(row.cost_nano_usd)

    def summary(self, units: int) -> Summary:
        return Summary(
            requests=self.requests,
            units=units,
            outcomes=dict(self.outcomes),
            streams=self.streams,
            failed_streams=self.failed_streams,
            rescued=self.rescued,
            **{name: _distribution(values) for name, values in self.values.items()},
        )


def _distribution(values: list[int]) -> Distribution:
    return Distribution(
        count=len(values),
        total=sum(values),
        squares=sum(value * value for value in values),
        buckets=dict(Counter(map(bucket, values))),
    )
