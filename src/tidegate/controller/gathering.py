"""Gathers what one pass decides on: one consistent read of the database, the gateways, the counts.

Whatever cannot be had in time is absent (``None``), never guessed and never waited for.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog

from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.ingest import Ingest
from tidegate.controller.measuring import Measurer
from tidegate.controller.publisher import Publisher
from tidegate.controller.routing_table import RoutingTableReader, is_frozen
from tidegate.delivery.bundle import Bundle
from tidegate.delivery.facts import Facts, NewerRelease, ProbeResult, StepCounts, StepPairs
from tidegate.delivery.gates import GateResult
from tidegate.delivery.intents import Intent
from tidegate.delivery.release import Phase
from tidegate.delivery.routing import variant_route
from tidegate.registry import observations
from tidegate.registry.arrivals import read_arrivals
from tidegate.registry.database import Database
from tidegate.registry.freezes import Freeze, list_freezes
from tidegate.registry.observations import Counted, CountKey
from tidegate.registry.pairs import CountedPairs, PairKey, read_pair_counts
from tidegate.registry.releases import ReleaseRow, active_releases, open_intents
from tidegate.registry.services import Service, list_services
from tidegate.runtimes.external import Readiness, Runtime

_LOG = structlog.get_logger("tidegate.gathering")
COUNTS_SECONDS = 0.5  # what a pass waits for counts; they are read on in the background


class Seen(NamedTuple):
    """What was observed of each release, and when something of each service was stored last."""

    counts: Mapping[str, Mapping[CountKey, Counted]]
    pairs: Mapping[str, Mapping[PairKey, CountedPairs]]
    arrivals: Mapping[str, datetime]


class _Read(NamedTuple):
    """What is known of the active releases: the database at one instant, and the counts if they came in time.

    Attributes:
        of_service: each service's releases, the oldest first.
        intents: by release, those that wait for an answer.
        declared: every service by its name.
        contents: of every version that is on trial, serves or may be gone back to.
    """

    of_service: Mapping[str, list[ReleaseRow]]
    intents: Mapping[str, tuple[Intent, ...]]
    declared: Mapping[str, Service]
    frozen: Sequence[Freeze]
    contents: Mapping[str, Bundle]
    seen: Seen | None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One release and everything that its decision needs."""

    row: ReleaseRow
    intents: tuple[Intent, ...]
    facts: Facts


class Gatherer:
    """Reads; decides and changes nothing.

    Args:
        probe_of: the last probe result of a release.
        gates_of: what gates have answered about a release.
    """

    def __init__(
        self,
        state: Database,
        observed: Database,
        table: RoutingTableReader,
        publisher: Publisher,
        gateways: GatewayRegistry,
        ingest: Ingest,
        runtime: Runtime,
        probe_of: Callable[[str], ProbeResult | None],
        gates_of: Callable[[str], tuple[GateResult, ...]],
        measurer: Measurer,
    ) -> None:
        self._state = state
        self._table = table
        self._publisher = publisher
        self._gateways = gateways
        self._ingest = ingest
        self._runtime = runtime
        self._probe_of = probe_of
        self._gates_of = gates_of
        self._measurer = measurer
        self._counts = _PatientReader(observed)

    async def gather(
        self, epoch: int, jump_of: Callable[[str], timedelta], only: str | None = None
    ) -> dict[str, list[Case]]:
        """Cases by service, each service's oldest release first.

        Args:
            epoch: of the leader that asks.
            jump_of: how far the wall clock moved since the release was last committed.
            only: one service.
        """
        read = await self._read(only)
        return {
            name: [
                Case(row=row, intents=read.intents[row.id], facts=self._facts(row, read, epoch, jump_of(row.id)))
                for row in rows
            ]
            for name, rows in read.of_service.items()
        }

    async def _read(self, only: str | None) -> _Read:
        async with self._state.read() as connection:
            rows = [row for row in await active_releases(connection) if only in {None, row.service}]
            if not rows:
                return _Read({}, {}, {}, (), {}, None)
            intents = await open_intents(connection, [row.id for row in rows])
            declared = {service.name: service for service in await list_services(connection)}
            frozen = await list_freezes(connection)
            on_trial = {reference for row in rows for reference in row.state.arms.values()}
            contents = await self._table.bundles(connection, on_trial | _pointers(declared, rows))
        of_service: dict[str, list[ReleaseRow]] = defaultdict(list)
        for row in rows:
            of_service[row.service].append(row)
        seen = await self._counts.read([row.id for row in rows if row.phase.is_running])
        said = {release: tuple(own) for release, own in intents.items()}
        return _Read(of_service, said, declared, frozen, contents, seen)

    def _facts(self, row: ReleaseRow, read: _Read, epoch: int, jump: timedelta) -> Facts:
        siblings, service, seen = read.of_service[row.service], read.declared[row.service], read.seen
        own = {ref: read.contents[ref] for ref in row.state.arms.values()}
        trying = {row.state.arms[arm] for arm in row.state.on_trial} if row.phase.is_running else set()
        found = {ref: self._runtime.readiness(ref, own[ref]) for ref in trying}
        ready, is_held = _together(found.values()), is_frozen(service.name, read.frozen)
        longest = max(variant_route("", ref, own[ref], 0, service.spec).timeouts.total for ref in own)
        return Facts(
            epoch=epoch,
            stable=service.stable,
            revision_written=self._revision_written(service, row, siblings, is_held=is_held),
            candidate_ready=ready.is_ready,
            candidate_detail=ready.detail,
            lost=frozenset(ref for ref, each in found.items() if each.is_ready is False),
            gates=self._gates_of(row.id),
            probe=self._probe_of(row.id),
            gateways=self._gateways.facts(),
            counts=_step_counts(row, seen),
            pairs=_step_pairs(row, seen),
            observed_at=self._observed_at(row.service, seen),
            cutoffs=self._gateways.cutoffs(),
            readings=self._measurer.readings(row.id, row.spec, row.state),
            is_frozen=is_held,
            other_running=_other_running(row, siblings),
            newer=_newer(row, siblings),
            clock_jump=jump,
            request_timeout=timedelta(seconds=longest),
        )

    def _observed_at(self, service: str, seen: Seen | None) -> datetime | None:
        """By whichever process: what this one stored it knows, though it may not be able to read now."""
        known = (self._ingest.observed_at(service), seen.arrivals.get(service) if seen is not None else None)
        return max((at for at in known if at is not None), default=None)

    def _revision_written(
        self, service: Service, row: ReleaseRow, siblings: list[ReleaseRow], *, is_held: bool
    ) -> int | None:
        running = next((other for other in siblings if other.phase.is_running), None)
        if row.phase.is_running and running is not row:
            return None
        return self._publisher.revision_since(self._table.route(service, running, is_frozen=is_held))


def _pointers(declared: Mapping[str, Service], rows: Iterable[ReleaseRow]) -> set[str]:
    """Versions that the services of ``rows`` serve or may go back to."""
    services = [declared[row.service] for row in rows]
    return {ref for service in services for ref in (service.stable, service.previous_stable) if ref is not None}


class _PatientReader:
    """Reads counts without making a pass wait: a slow read goes on, and meanwhile nobody knows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading: asyncio.Task[Seen] | None = None

    async def read(self, releases: list[str]) -> Seen | None:
        if not releases:
            return Seen({}, {}, {})
        if self._reading is not None and not await _is_done(self._reading):
            return None
        self._reading = asyncio.create_task(self._read(releases), name="read-counts")
        if not await _is_done(self._reading):
            return None
        error = self._reading.exception()
        if error is not None:
            _LOG.warning("counts_unreadable", error=str(error))
            return None
        return self._reading.result()

    async def _read(self, releases: list[str]) -> Seen:
        async with self._database.read() as connection:
            return Seen(
                await observations.read_counts(connection, releases),
                await read_pair_counts(connection, releases),
                await read_arrivals(connection),
            )


async def _is_done(task: Awaitable[Seen]) -> bool:
    done, _ = await asyncio.wait({asyncio.ensure_future(task)}, timeout=COUNTS_SECONDS)
    return bool(done)


def _together(found: Collection[Readiness]) -> Readiness:
    """Of all versions on trial: one that cannot serve, else one nobody knows of, else any."""
    if not found:
        return Readiness(None)
    return min(found, key=lambda readiness: (False, None, True).index(readiness.is_ready))


def _step_counts(row: ReleaseRow, seen: Seen | None) -> tuple[StepCounts, ...] | None:
    return None if seen is None else step_counts(seen.counts.get(row.id, {}))


def step_counts(counts: Mapping[CountKey, Counted]) -> tuple[StepCounts, ...]:
    """The counts of one release as facts."""
    return tuple(
        StepCounts(
            attempt=attempt,
            step=step,
            variant=variant,
            total=counted.total,
            window=counted.window,
            compared=counted.compared,
            round=of_round,
        )
        for (_, attempt, step, of_round, variant), counted in counts.items()
    )


def _step_pairs(row: ReleaseRow, seen: Seen | None) -> tuple[StepPairs, ...] | None:
    return None if seen is None else step_pairs(seen.pairs.get(row.id, {}))


def step_pairs(counts: Mapping[PairKey, CountedPairs]) -> tuple[StepPairs, ...]:
    """The pairs of one release as facts."""
    return tuple(
        StepPairs(attempt=attempt, step=step, total=counted.total, window=counted.window)
        for (_, attempt, step), counted in counts.items()
    )


def _other_running(row: ReleaseRow, siblings: list[ReleaseRow]) -> str | None:
    """A running one; for a pending one also whoever is before it in the queue and could start."""
    for other in siblings:
        is_before = other.phase is Phase.PENDING and row.phase is Phase.PENDING and other.id < row.id
        if other.id != row.id and (other.phase.is_running or (is_before and other.state.not_before_at is None)):
            return other.id
    return None


def _newer(row: ReleaseRow, siblings: list[ReleaseRow]) -> NewerRelease | None:
    waiting = [other for other in siblings if other.phase is Phase.PENDING and other.id > row.id]
    if not waiting:
        return None
    newest = waiting[-1]
    return NewerRelease(id=newest.id, candidate=newest.candidate, when_running=newest.spec.when_running)
