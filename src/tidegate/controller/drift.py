"""Whether versions still behave as on their own first day: lengths, pace, refusals, truncation.

A hosted model can change without a new name, and users can begin to ask other things; neither is an error, and both
show here first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tidegate.controller.clock import Clock
from tidegate.delivery.observation import Outcome
from tidegate.delivery.tally import Tally, TallyKey, median_of
from tidegate.registry.database import Database
from tidegate.registry.traffic import first_seen, read_traffic
from tidegate.shapes.reports import DriftSignal, RateChange, ServiceDrift, VersionDrift
from tidegate.stats.drift import population_stability

FIRST = timedelta(days=1)
NOW = timedelta(days=1)


class _Signal(NamedTuple):
    name: str
    field: str
    scale: float  # integer units of the histogram in one of the signal


_SIGNALS = (_Signal("output_tokens", "lengths", 1.0), _Signal("time_per_output_token", "paces", 1e6))
_RATES = {
    "refusal_rate": (Outcome.REFUSED, Outcome.FILTERED),
    "truncation_rate": (Outcome.TRUNCATED,),
}


class DriftQueries:
    """Reads; changes nothing."""

    def __init__(self, observed: Database, clock: Clock) -> None:
        self._observed = observed
        self._clock = clock

    async def of_service(self, service: str, *, now_is: timedelta = NOW) -> ServiceDrift:
        """Every version that had requests within ``now_is``, against its first day."""
        now = self._clock.now()
        async with self._observed.read() as connection:
            current = _by_version(await read_traffic(connection, [service], since=now - now_is))
            begun = await first_seen(connection, service, list(current))
            found = []
            for version, counted in sorted(current.items()):
                since = datetime.fromtimestamp(begun[version], UTC)
                first = await read_traffic(connection, [service], since=since, until=since + FIRST)
                found.append(_drift(version, since, _by_version(first).get(version, Tally()), counted))
        return ServiceDrift(service=service, now_seconds=round(now_is.total_seconds()), versions=tuple(found))


def _by_version(found: Mapping[TallyKey, Tally]) -> dict[str, Tally]:
    summed: dict[str, Tally] = {}
    for key, counted in found.items():
        if key.version:
            summed[key.version] = summed.get(key.version, Tally()) + counted
    return summed


def _drift(version: str, since: datetime, first: Tally, current: Tally) -> VersionDrift:
    return VersionDrift(
        version=version,
        first_from=since,
        first_until=since + FIRST,
        signals=tuple(_signals(first, current)),
        rates=tuple(
            RateChange(signal=name, first=_rate(first, outcomes), now=_rate(current, outcomes))
            for name, outcomes in _RATES.items()
        ),
    )


def _signals(first: Tally, current: Tally) -> Iterator[DriftSignal]:
    for signal in _SIGNALS:
        before, after = getattr(first, signal.field), getattr(current, signal.field)
        drift = population_stability(before, after)
        yield DriftSignal(
            signal=signal.name,
            index=drift.stability,
            noise=drift.noise if math.isfinite(drift.noise) else None,
            degree=drift.degree,
            first_count=drift.reference_count,
            now_count=drift.current_count,
            first_median=_scaled(median_of(before), signal.scale),
            now_median=_scaled(median_of(after), signal.scale),
        )


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value / scale


def _rate(counted: Tally, outcomes: tuple[Outcome, ...]) -> float | None:
    hits = sum(counted.outcomes.get(outcome, 0) for outcome in outcomes)
    return hits / counted.requests if counted.requests else None
