"""What became of a service in some stretch of time: what the report is read from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from tidegate.controller.clock import Clock
from tidegate.controller.drift import DriftQueries
from tidegate.controller.queries import Queries
from tidegate.controller.traffic import TrafficQueries
from tidegate.delivery.observation import Outcome
from tidegate.delivery.tally import Tally, TallyKey, total_of
from tidegate.registry.database import Database
from tidegate.registry.feedback.summing import said_of_versions
from tidegate.registry.traffic import read_traffic
from tidegate.shapes.reports import ServiceReport, VersionTotals

_MOST_ROWS = 200


class ServiceReports:
    """Reads; changes nothing."""

    def __init__(
        self, observed: Database, clock: Clock, queries: Queries, traffic: TrafficQueries, drift: DriftQueries
    ) -> None:
        self._observed = observed
        self._clock = clock
        self._queries = queries
        self._traffic = traffic
        self._drift = drift

    async def read(self, service: str, *, last: timedelta) -> ServiceReport:
        """The time up to now.

        Raises:
            NotFoundError: no such service.
        """
        now = self._clock.now()
        since = now - last
        status = await self._queries.status(service)
        releases = await self._queries.history(service, limit=_MOST_ROWS)
        incidents = await self._queries.incidents(service, limit=_MOST_ROWS)
        async with self._observed.read() as connection:
            found = await read_traffic(connection, [service], since=since)
            opinions = await said_of_versions(connection, service, since_us=int(since.timestamp() * 1_000_000))
        versions = [_totals(version, counted) for version, counted in sorted(_by_version(found).items())]
        return ServiceReport(
            service=service,
            written_at=now,
            since=since,
            until=now,
            stable=status.stable,
            total=_totals("", total_of(found.values()) if found else Tally()),
            versions=tuple(versions),
            opinions=tuple(opinions),
            traffic=await self._traffic.over_time(service, last=last),
            releases=tuple(release for release in releases if release.created_at >= since),
            incidents=tuple(incident for incident in incidents if incident.opened_at >= since),
            drift=await self._drift.of_service(service),
        )


def _by_version(found: Mapping[TallyKey, Tally]) -> dict[str, Tally]:
    summed: dict[str, Tally] = {}
    for key, counted in found.items():
        summed[key.version] = summed.get(key.version, Tally()) + counted
    return summed


def _totals(version: str, counted: Tally) -> VersionTotals:
    return VersionTotals(
        version=version,
        requests=counted.requests,
        failures=counted.failures,
        rescued=counted.rescued,
        refused=counted.outcomes.get(Outcome.REFUSED, 0) + counted.outcomes.get(Outcome.FILTERED, 0),
        truncated=counted.outcomes.get(Outcome.TRUNCATED, 0),
        input_tokens=counted.input_tokens,
        output_tokens=counted.output_tokens,
        cost_usd=counted.cost_usd,
        ttft_p95_seconds=counted.ttft_seconds(0.95),
        latency_p95_seconds=counted.latency_seconds(0.95),
    )
