"""Folds observations into the counts that releases are judged by.

The same numbers as adding :meth:`Summary.of` up one by one (a property test says so), in one pass over plain
integers: ingest does this for every observation of a running release. The counts do not depend on how rows are
grouped into batches or in which order these come.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from operator import mul
from typing import NamedTuple

import msgspec

from tidegate.delivery.evidence.summary import UNJUDGED, Summary, reported
from tidegate.delivery.observation import FAILURES, Observation, perplexity_thousandths
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.registry.observations import Counted, CountKey
from tidegate.registry.units import First, FirstKey, first_key
from tidegate.stats.distribution import Distribution, bucket
from tidegate.stats.ratio import Ratio

Firsts = Mapping[FirstKey, First]
Test = Callable[[Observation], bool]


class Sorted(NamedTuple):
    """Rows of one batch that belong to a release, by (release, attempt, step, round, variant).

    Attributes:
        early: of requests that began before the step's window.
        window: of those that began in it.
    """

    early: dict[CountKey, list[Observation]]
    window: dict[CountKey, list[Observation]]

    def returning(self) -> set[FirstKey]:
        """Units that may have been counted before."""
        return {first_key(row) for rows in self.window.values() for row in rows if not row.has_own_unit}


class CountsChange(NamedTuple):
    """What a batch adds to the counts of one key, and what it takes out of them."""

    added: Counted
    removed: Counted


class Folded(NamedTuple):
    """What a batch changes.

    Attributes:
        counts: by key.
        firsts: requests by which units count from now on.
    """

    counts: dict[CountKey, CountsChange]
    firsts: dict[FirstKey, First]


def is_randomised(row: Observation) -> bool:
    """Whether a coin chose the variant, rather than a rule that left no choice."""
    return 0 < row.propensity < TOTAL_WEIGHT


def sort_rows(observations: Iterable[Observation], is_sample: Test) -> Sorted:
    """Rows by what they count for; those of no release, and of a variant that was forced, count for nothing.

    Args:
        is_sample: whether the request began in the step's window; the others are counted as early.
    """
    found = Sorted(defaultdict(list), defaultdict(list))
    for row in observations:
        if row.release and row.propensity:  # a forced variant was chosen by nobody's hash
            side = found.window if is_sample(row) else found.early
            side[_count_key(row)].append(row)
    return found


def fold(rows: Sorted, known: Firsts, is_compared: Test = is_randomised) -> Folded:
    """Counts of sorted rows.

    A unit that returns is counted once where arms are compared, by its request that began first: requests of one
    unit are alike, and counting all of them would make chance look like evidence.

    Args:
        known: the first request so far of each of ``rows.returning()`` that has one.
        is_compared: whether its variant was chosen with the share of the step.
    """
    changed = _firsts_of(rows.window.values(), known, is_compared)
    now, before = _by_key(changed.values()), _by_key(known[at] for at in changed if at in known)
    keys = dict.fromkeys((*rows.early, *rows.window, *now, *before))
    counts = {key: _change(rows, key, now.get(key, []), before.get(key, []), is_compared) for key in keys}
    return Folded(counts, changed)


def _count_key(row: Observation) -> CountKey:
    return row.release, row.attempt, row.step, row.round, row.variant


def _firsts_of(groups: Iterable[list[Observation]], known: Firsts, is_compared: Test) -> dict[FirstKey, First]:
    """The units whose first request is another now, or of whose first request more is known."""
    changed: dict[FirstKey, First] = {}
    for row in (row for rows in groups for row in rows if not row.has_own_unit):
        at = first_key(row)
        first = changed.get(at) or known.get(at)
        began = (row.started_at_us, row.request_id)
        if first is None or began < first.began:
            changed[at] = First((row,), is_compared(row))
        elif began == first.began:
            changed[at] = First((*first.rows, row), first.is_compared)
    return changed


def _by_key(firsts: Iterable[First]) -> dict[CountKey, list[First]]:
    found: defaultdict[CountKey, list[First]] = defaultdict(list)
    for first in firsts:
        found[_count_key(first.rows[0])].append(first)
    return found


def _change(rows: Sorted, key: CountKey, now: list[First], before: list[First], is_compared: Test) -> CountsChange:
    """Of one key: its rows, and the first requests of units as they are now and as far as they replace others."""
    window = rows.window.get(key, [])
    alone = [row for row in window if row.has_own_unit]
    early = add_up(rows.early.get(key, []))
    within = add_up(window, sum(not row.is_open for row in alone) + len(now))
    compared = _compared([row for row in alone if is_compared(row)], now)
    is_all = not before and len(compared.rows) == len(window) and compared.units == within.added.units
    counted, replaced = within if is_all else add_up(*compared), add_up(*_compared([], before))
    return CountsChange(
        Counted(early.added, within.added, counted.added + replaced.removed),
        Counted(early.removed, within.removed + Summary(units=len(before)), counted.removed + replaced.added),
    )


class _Sums(NamedTuple):
    """What rows add, and the reports of open requests that they take back."""

    added: Summary
    removed: Summary


class _Compared(NamedTuple):
    rows: list[Observation]
    units: int


def _compared(alone: list[Observation], firsts: Iterable[First]) -> _Compared:
    """The rows that compare the arms: of units that are one request, and of the first requests of others."""
    drawn = [first for first in firsts if first.is_compared]
    units = sum(not row.is_open for row in alone) + len(drawn)
    return _Compared([*alone, *(row for first in drawn for row in first.rows)], units)


def add_up(rows: Iterable[Observation], units: int = 0) -> _Sums:
    """The sum of :meth:`Summary.of` over ``rows``, in its two parts.

    Args:
        units: how many of their units are new.
    """
    tally, taken_back = _Tally(), _Tally()
    for row in rows:
        tally.add(row)
        if row.waited_us:
            taken_back.add(reported(row))
    return _Sums(tally.summary(units), taken_back.summary(0) if taken_back.has_rows else _NOTHING)


_NOTHING = Summary()


class _Tally:
    __slots__ = ("cached", "counts", "outcomes", "requests", "speed", "values")

    def __init__(self) -> None:
        self.requests = 0
        self.outcomes: Counter[str] = Counter()
        self.counts = {"streams": 0, "failed_streams": 0, "rescued": 0, "formatted": 0, "malformed": 0}
        self.values: defaultdict[str, list[int]] = defaultdict(list)
        self.speed: list[tuple[int, int]] = []
        self.cached: list[tuple[int, int]] = []

    @property
    def has_rows(self) -> bool:
        return bool(self.requests or self.values)

    def add(self, row: Observation) -> None:
        if row.is_open:
            self._add_open(row)
            return
        outcome, counts = row.assigned_outcome, self.counts
        self.requests += 1
        self.outcomes[str(outcome)] += 1
        if outcome in UNJUDGED:
            return
        is_failure, is_own = outcome in FAILURES, row.variant == row.served
        if row.stream:
            counts["streams"] += 1
            counts["failed_streams"] += is_failure
        if is_own:
            if not is_failure:
                self._add_answer(row)
        elif row.served:
            counts["rescued"] += 1

    def _add_open(self, row: Observation) -> None:
        self.values["open_latency"].append(row.duration_us)
        if row.stream and not row.ttft_us:
            self.values["open_ttft"].append(row.duration_us)

    def _add_answer(self, row: Observation) -> None:
        values, duration, written = self.values, row.duration_us, row.output_tokens
        if duration >= 0:
            values["latency"].append(duration)
        if row.stream and row.ttft_us > 0:
            values["ttft"].append(row.ttft_us)
        if row.tpot_us > 0:
            values["tpot"].append(row.tpot_us)
        if written >= 0:
            values["output_tokens"].append(written)
            if written and duration > 0:
                self.speed.append((written, duration))
        if row.cost_nano_usd >= 0:
            values["cost"].append(row.cost_nano_usd)
        if row.input_tokens > 0:
            self.cached.append((max(0, row.cached_tokens), row.input_tokens))
        if row.surprisal_tokens > 0:
            values["perplexity"].append(perplexity_thousandths(row))
        if row.keeps_format >= 0:
            self.counts["formatted"] += 1
            self.counts["malformed"] += row.keeps_format == 0

    def summary(self, units: int) -> Summary:
        values = {name: _distribution(found) for name, found in self.values.items()}
        ratios = {"speed": _ratio(self.speed), "cached": _ratio(self.cached)}
        return msgspec.structs.replace(
            _NOTHING,
            requests=self.requests,
            units=units,
            outcomes=dict(self.outcomes),
            **self.counts,
            **values,
            **ratios,
        )


def _distribution(values: list[int]) -> Distribution:
    return Distribution(
        count=len(values),
        total=sum(values),
        squares=sum(map(mul, values, values)),
        buckets=dict(Counter(map(bucket, values))),
    )


def _ratio(pairs: list[tuple[int, int]]) -> Ratio:
    if not pairs:
        return Ratio()
    tops, bottoms = zip(*pairs, strict=True)
    return Ratio(
        count=len(pairs),
        top=sum(tops),
        bottom=sum(bottoms),
        top_squares=sum(map(mul, tops, tops)),
        bottom_squares=sum(map(mul, bottoms, bottoms)),
        products=sum(map(mul, tops, bottoms)),
    )
