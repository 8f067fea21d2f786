"""Traffic over time and the history of evidence, as people ask for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from tidegate.controller.clock import Clock
from tidegate.delivery.tally import FINEST_SECONDS, Tally, TallyKey
from tidegate.registry.database import Database
from tidegate.registry.traffic import AGEING, read_traffic
from tidegate.registry.verdicts import Analysis, JudgedMetric, read_analyses
from tidegate.shapes.traffic import (
    CurrentTraffic,
    EvidenceHistory,
    JudgedHistory,
    JudgedPoint,
    Traffic,
    TrafficPoint,
    TrafficSeries,
)

NOW_SECONDS = 60  # what "now" is reckoned from: long enough for a quantile, short enough for an operator
RECENT_SECONDS = 300
_MOST_POINTS = 240
_STEPS = (FINEST_SECONDS, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600)


class TrafficQueries:
    """Reads; changes nothing."""

    def __init__(self, observed: Database, clock: Clock) -> None:
        self._observed = observed
        self._clock = clock

    async def over_time(self, service: str, *, last: timedelta, release: str | None = None) -> Traffic:
        """What users of a service got in the time up to now, by version, in steps that suit its length."""
        now = self._clock.now()
        step = step_for(last)
        since = _floor(now - last, step)
        async with self._observed.read() as connection:
            found = await read_traffic(connection, [service], since=since, release=release)
        return Traffic(
            service=service, since=since, until=now, step_seconds=step, series=tuple(_series(found, since, step))
        )

    async def current(self, services: Sequence[str]) -> list[CurrentTraffic]:
        """What users of each of these services get now."""
        now = self._clock.now()
        until = _floor(now, FINEST_SECONDS)  # what has just begun would look like a collapse
        async with self._observed.read() as connection:
            found = await read_traffic(connection, services, since=until - timedelta(seconds=RECENT_SECONDS))
        by_service: dict[str, dict[TallyKey, Tally]] = defaultdict(dict)
        for key, counted in found.items():
            by_service[key.service][key] = counted
        return [_current(service, by_service[service], until) for service in services]

    async def evidence(self, release: str, attempt: int) -> EvidenceHistory:
        """How the evidence of one attempt grew."""
        async with self._observed.read() as connection:
            analyses = await read_analyses(connection, release, attempt)
        return EvidenceHistory(release=release, attempt=attempt, metrics=tuple(_histories(analyses)))


def step_for(last: timedelta) -> int:
    """The finest step, in seconds, with which ``last`` makes a readable number of points that exist that fine."""
    kept = next((each.period for each in AGEING if last <= each.kept), AGEING[-1].period)
    return next((step for step in _STEPS if step >= kept and last.total_seconds() / step <= _MOST_POINTS), _STEPS[-1])


def _floor(at: datetime, step: int) -> datetime:
    seconds = int(at.timestamp())
    return datetime.fromtimestamp(seconds - seconds % step, UTC)


def _series(found: Mapping[TallyKey, Tally], since: datetime, step: int) -> Iterable[TrafficSeries]:
    grouped: dict[tuple[str, str, str], dict[int, Tally]] = defaultdict(dict)
    for key, counted in found.items():
        points = grouped[(key.version, key.variant, key.release)]
        start = max(key.start - key.start % step, int(since.timestamp()))
        points[start] = points[start] + counted if start in points else counted
    for (version, variant, release), points in sorted(grouped.items(), key=lambda item: min(item[1])):
        shown = tuple(_point(start, points[start]) for start in sorted(points))
        yield TrafficSeries(version=version, variant=variant, release=release, points=shown)


def _point(start: int, counted: Tally) -> TrafficPoint:
    return TrafficPoint(
        at=datetime.fromtimestamp(start, UTC),
        requests=counted.requests,
        failures=counted.failures,
        assigned_failures=counted.assigned_failures,
        rescued=counted.rescued,
        input_tokens=counted.input_tokens,
        output_tokens=counted.output_tokens,
        cost_usd=counted.cost_usd,
        ttft_p50_seconds=counted.ttft_seconds(0.5),
        ttft_p95_seconds=counted.ttft_seconds(0.95),
        latency_p50_seconds=counted.latency_seconds(0.5),
        latency_p95_seconds=counted.latency_seconds(0.95),
    )


def _current(service: str, found: Mapping[TallyKey, Tally], until: datetime) -> CurrentTraffic:
    end = int(until.timestamp())
    total, versions = Tally(), defaultdict[str, int](int)
    recent = [0] * (RECENT_SECONDS // FINEST_SECONDS)
    for key, counted in found.items():
        place = (key.start - (end - RECENT_SECONDS)) // FINEST_SECONDS
        if key.period == FINEST_SECONDS and 0 <= place < len(recent):
            recent[place] += counted.requests
        if end - NOW_SECONDS <= key.start < end:
            total += counted
            versions[key.version] += counted.requests
    cost = total.cost_usd
    return CurrentTraffic(
        service=service,
        seconds=NOW_SECONDS,
        requests_per_second=total.requests / NOW_SECONDS,
        error_rate=total.error_rate,
        ttft_p95_seconds=total.ttft_seconds(0.95),
        latency_p95_seconds=total.latency_seconds(0.95),
        cost_usd_per_hour=None if cost is None else cost / NOW_SECONDS * 3600,
        tokens_per_second=(total.input_tokens + total.output_tokens) / NOW_SECONDS,
        versions=dict(versions),
        recent=tuple(recent),
        recent_seconds=FINEST_SECONDS,
    )


def _histories(analyses: Sequence[Analysis]) -> Iterable[JudgedHistory]:
    points: dict[tuple[str, float, str], list[JudgedPoint]] = defaultdict(list)
    comparisons: set[tuple[str, float, str]] = set()
    for analysis in analyses:
        for judged in analysis.metrics:
            condition = (judged.metric, judged.limit, judged.variant)
            points[condition].append(_judged(analysis, judged))
            if _is_comparison(judged):  # not to be seen before there are data of both
                comparisons.add(condition)
    for condition, own in points.items():
        if all(point.code == "counts_unavailable" for point in own):
            continue  # nothing could be read, so nothing is known of the condition either
        metric, limit, variant = condition
        yield JudgedHistory(
            metric=metric,
            is_comparison=condition in comparisons,
            limit=limit,
            points=tuple(own),
            variant=variant,
        )


def _is_comparison(judged: JudgedMetric) -> bool:
    return judged.effect is not None or judged.stable_estimate is not None or judged.stable_samples > 0


def _judged(analysis: Analysis, judged: JudgedMetric) -> JudgedPoint:
    return JudgedPoint(
        at=analysis.at,
        step=analysis.step,
        weight=analysis.weight,
        verdict=judged.verdict,
        code=judged.code,
        samples=judged.samples,
        estimate=judged.estimate,
        lower=judged.lower,
        upper=judged.upper,
        stable_samples=judged.stable_samples,
        stable_estimate=judged.stable_estimate,
        effect=judged.effect,
        effect_lower=judged.effect_lower,
        effect_upper=judged.effect_upper,
    )
