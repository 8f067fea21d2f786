"""How versions behave against their own first day, as pages, commands and guardrails ask for it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from tidegate.controller.clock import Clock
from tidegate.delivery.drift import FIRST, NOW, SIGNALS, Behaviour, Signal
from tidegate.delivery.observation import Outcome
from tidegate.delivery.tally import Tally, edges_of, median_of, total_of
from tidegate.registry.database import Database
from tidegate.registry.traffic import first_seen, read_traffic
from tidegate.shapes.reports import DriftBin, DriftSignal, RateChange, ServiceDrift, VersionDrift
from tidegate.stats.drift import population_stability

_RATES = {
    "refusal_rate": (Outcome.REFUSED, Outcome.FILTERED),
    "truncation_rate": (Outcome.TRUNCATED,),
}
_MOST_BINS = 24
_EDGE = 0.005  # of the values at either end share the last bin that is drawn


class DriftQueries:
    """Reads; changes nothing."""

    def __init__(self, observed: Database, clock: Clock) -> None:
        self._observed = observed
        self._clock = clock

    async def of_service(self, service: str, *, version: str | None = None) -> ServiceDrift:
        """Every version that had requests lately, or one of them, against its first day."""
        found = await self._behaviours(service, version)
        now_seconds = round(NOW.total_seconds())
        versions = tuple(_drift(name, behaviour) for name, behaviour in sorted(found.items()))
        return ServiceDrift(service=service, now_seconds=now_seconds, versions=versions)

    async def of_version(self, service: str, version: str) -> Behaviour | None:
        """One version's behaviour; ``None`` when it never had a request."""
        return (await self._behaviours(service, version)).get(version)

    async def _behaviours(self, service: str, only: str | None) -> dict[str, Behaviour]:
        now = self._clock.now()
        async with self._observed.read() as connection:
            lately = await read_traffic(connection, [service], since=now - NOW, version=only)
            versions = {key.version for key in lately if key.version} if only is None else {only}
            begun = await first_seen(connection, service, list(versions))
            found = {}
            for version, seconds in begun.items():
                since = datetime.fromtimestamp(seconds, UTC)
                first = await read_traffic(connection, [service], since=since, until=since + FIRST, version=version)
                over_at = int((since + FIRST).timestamp())
                later = [each for key, each in lately.items() if key.version == version and key.start >= over_at]
                found[version] = Behaviour(since, _total(first.values()), _total(later), since + FIRST <= now)
        return found


def _total(found: Collection[Tally]) -> Tally:
    return total_of(found) if found else Tally()


def _drift(version: str, found: Behaviour) -> VersionDrift:
    return VersionDrift(
        version=version,
        first_from=found.first_from,
        first_until=found.first_from + FIRST,
        is_first_over=found.is_first_over,
        signals=tuple(_signal(signal, signal.of(found.first), signal.of(found.now)) for signal in SIGNALS),
        rates=tuple(
            RateChange(signal=name, first=_rate(found.first, outcomes), now=_rate(found.now, outcomes))
            for name, outcomes in _RATES.items()
        ),
    )


def _signal(signal: Signal, first: Mapping[int, int], now: Mapping[int, int]) -> DriftSignal:
    drift = population_stability(first, now)
    return DriftSignal(
        signal=signal.name,
        unit=signal.unit,
        index=drift.stability,
        noise=drift.noise if math.isfinite(drift.noise) else None,
        degree=drift.degree,
        first_count=drift.reference_count,
        now_count=drift.current_count,
        first_median=_shown(signal, median_of(first)),
        now_median=_shown(signal, median_of(now)),
        bins=tuple(_bins(signal, first, now)),
    )


def _shown(signal: Signal, value: float | None) -> float | None:
    return None if value is None else signal.shown(value)


def _bins(signal: Signal, first: Mapping[int, int], now: Mapping[int, int]) -> Iterator[DriftBin]:
    """Both histograms over the same bins, ascending as they are read, without the far ends that few values reach."""
    spans = [_middle(each) for each in (first, now) if each]
    if not spans:
        return
    low, high = min(span[0] for span in spans), max(span[1] for span in spans)
    width = -(-(high - low + 1) // _MOST_BINS)
    before, after = _merged(first, low, high, width), _merged(now, low, high, width)
    places = range((high - low) // width + 1)
    drawn = []
    for place in places:
        lower, upper = edges_of(low + place * width)[0], edges_of(low + (place + 1) * width - 1)[1]
        start, end = sorted((signal.shown(lower), signal.shown(upper)))
        drawn.append(DriftBin(start=start, end=end, first=before.get(place, 0), now=after.get(place, 0)))
    yield from sorted(drawn, key=lambda each: each.start)


def _middle(histogram: Mapping[int, int]) -> tuple[int, int]:
    """The buckets of its outermost values but :data:`_EDGE` of them on either side."""
    most, ends = _EDGE * sum(histogram.values()), []
    for order in (sorted(histogram), sorted(histogram, reverse=True)):
        seen = 0
        for index in order:
            seen += histogram[index]
            if seen > most:
                ends.append(index)
                break
    return ends[0], ends[1]


def _merged(histogram: Mapping[int, int], low: int, high: int, width: int) -> dict[int, int]:
    merged: dict[int, int] = {}
    for index, count in histogram.items():
        place = (min(max(index, low), high) - low) // width
        merged[place] = merged.get(place, 0) + count
    return merged


def _rate(counted: Tally, outcomes: tuple[Outcome, ...]) -> float | None:
    hits = sum(counted.outcomes.get(outcome, 0) for outcome in outcomes)
    return hits / counted.requests if counted.requests else None
