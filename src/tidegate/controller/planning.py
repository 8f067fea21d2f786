"""Plans a release from what is stored: the newest requests of stable, and traffic by the hour."""

from __future__ import annotations

import asyncio
import operator
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce

import msgspec

from tidegate.controller.arms import named_version
from tidegate.controller.clock import Clock
from tidegate.controller.folding import add_up
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.observation import FAILURES, Observation
from tidegate.delivery.planning.assumed import AssumeSpec
from tidegate.delivery.planning.expectation import History
from tidegate.delivery.planning.planned import Planned
from tidegate.delivery.release import STABLE
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.registry.database import Database
from tidegate.registry.observations import read_counts
from tidegate.registry.releases import list_releases
from tidegate.registry.requests import RequestFilter, find_requests
from tidegate.registry.services import get_service
from tidegate.registry.traffic import read_traffic
from tidegate.registry.versions import resolve

_MOST_ROWS, _PAGE = 10_000, 1_000
_TRAFFIC = timedelta(days=14)
_HOUR = 3600
_RELEASES = 20  # whose opinions of stable tell how often and how well it is judged


class AskedSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that is asked for.

    Attributes:
        detect: ``p95 +10%``.
        confidence, power: within [0.5, 1).
        within_seconds: how long it may take.
    """

    detect: str
    confidence: float = 0.95
    power: float = 0.8
    within_seconds: float | None = None


class Planner:
    """Reads; changes nothing. The reckoning runs in a thread, so that nothing waits for it."""

    def __init__(self, state: Database, observed: Database, clock: Clock) -> None:
        self._state = state
        self._observed = observed
        self._clock = clock

    async def plan(
        self, spec: ReleaseSpec, assumed: AssumeSpec, *, power: float = 0.8, target: AskedSchedule | None = None
    ) -> Planned:
        """What the release would take and could detect.

        Raises:
            NotFoundError: no such service or version.
            InvalidInputError: a target that makes no sense.
        """
        async with self._state.read() as connection:
            service = await get_service(connection, spec.service)
            candidate = (await resolve(connection, named_version(spec), spec.service)).ref
        spec = msgspec.structs.replace(spec, version=candidate)
        unit = spec.assignment.unit or service.spec.unit
        now = self._clock.now()
        history = msgspec.structs.replace(
            await self._history(spec.service, service.stable), told=await self._told(spec.service)
        )
        hourly = await self._hourly(spec.service, now)
        is_by_request = unit == "request"
        return await asyncio.to_thread(_reckon, spec, history, hourly, assumed, is_by_request, now, power, target)

    async def _history(self, service: str, stable: str | None) -> History:
        """Of the newest requests that stable was assigned; a bounded scan in small reads."""
        if stable is None:
            return History()
        wanted = RequestFilter(service=service, version=stable)
        rows: list[Observation] = []
        cursor = None
        for _ in range(_MOST_ROWS // _PAGE):
            async with self._observed.read() as connection:
                page = await find_requests(connection, wanted, after=cursor, limit=_PAGE)
            rows += [found.observation for found in page.rows]
            if page.next is None:
                break
            cursor = page.next
        return await asyncio.to_thread(history_of, [row for row in rows if not row.is_open])

    async def _told(self, service: str) -> Summary:
        """Of units of stable beside the candidates of the latest releases, with what users and judges said of them."""
        async with self._state.read() as connection:
            latest = await list_releases(connection, service=service, limit=_RELEASES)
        async with self._observed.read() as connection:
            counted = await read_counts(connection, [row.id for row in latest])
        windows = (each.window for of_one in counted.values() for key, each in of_one.items() if key[-1] == STABLE)
        return reduce(operator.add, windows, Summary())

    async def _hourly(self, service: str, now: datetime) -> dict[int, int]:
        """Requests of each hour that is over; of a young service the last hour, scaled from what there is."""
        async with self._observed.read() as connection:
            found = await read_traffic(connection, [service], since=now - _TRAFFIC)
        hours: dict[int, int] = defaultdict(int)
        for key, counted in found.items():
            hours[key.start // _HOUR] += counted.requests
        current = int(now.timestamp()) // _HOUR
        closed = {hour: count for hour, count in hours.items() if hour < current}
        if len(closed) > 1:
            closed.pop(min(closed))  # it began somewhere within
        if closed or not found:
            return closed
        began = min(key.start for key in found)
        lasted = max(60.0, now.timestamp() - began)
        return {current: round(sum(hours.values()) * _HOUR / lasted)}


def history_of(rows: Sequence[Observation]) -> History:
    """What requests of one version say, each unit by its first one.

    Args:
        rows: ended requests, in any order.
    """
    by_unit: dict[int, list[Observation]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.started_at_us, row.request_id)):
        by_unit[row.unit_hash].append(row)
    firsts = [of_unit[0] for of_unit in by_unit.values()]
    return History(
        summary=add_up(firsts, len(firsts)).added,
        requests=len(rows),
        input_tokens=sum(max(0, row.input_tokens) for row in rows),
        correlation=_correlation([[row.assigned_outcome in FAILURES for row in unit] for unit in by_unit.values()]),
    )


def _correlation(units: Sequence[Sequence[bool]]) -> float | None:
    """Intra-unit correlation of failures by analysis of variance (Ridout, Demétrio, Firth, Biometrics 55, 1999);
    ``None`` unless a few dozen units returned and something varies."""
    sizes = [len(unit) for unit in units]
    total, count = sum(sizes), len(sizes)
    mean = sum(map(sum, units)) / total if total else 0.0
    if sum(size > 1 for size in sizes) < 30 or not 0 < mean < 1 or total == count:
        return None
    rates = [sum(unit) / len(unit) for unit in units]
    between = sum(n * (rate - mean) ** 2 for n, rate in zip(sizes, rates, strict=True)) / (count - 1)
    within = sum(n * rate * (1 - rate) for n, rate in zip(sizes, rates, strict=True)) / (total - count)
    size = (total - sum(n * n for n in sizes) / total) / (count - 1)
    spread = between + (size - 1) * within
    return (between - within) / spread if spread else None


def _reckon(
    spec: ReleaseSpec,
    history: History,
    hourly: dict[int, int],
    assumed: AssumeSpec,
    is_by_request: bool,
    now: datetime,
    power: float,
    target: AskedSchedule | None,
) -> Planned:
    # scipy is loaded here, by the first plan that anybody asks for
    from tidegate.delivery.planning.expectation import expect  # noqa: PLC0415
    from tidegate.delivery.planning.forecast import forecast  # noqa: PLC0415
    from tidegate.delivery.planning.plan import make_plan  # noqa: PLC0415
    from tidegate.delivery.planning.schedule import parse_target, propose  # noqa: PLC0415

    expected = expect(history, assumed, is_by_request=is_by_request, named=(*spec.guardrails, *spec.objectives))
    traffic = forecast(hourly, assumed)
    start = now.timestamp() % 86_400
    plan = make_plan(spec, expected, traffic, start=start, power=power)
    if target is None:
        return Planned(plan=plan)
    proposal = propose(
        parse_target(target.detect, expected),
        expected,
        traffic,
        start=start,
        confidence=target.confidence,
        power=target.power,
        within=target.within_seconds,
        least=max(1, plan.steps[0].min_samples if plan.steps else 1),
    )
    return Planned(plan=plan, proposal=proposal)
