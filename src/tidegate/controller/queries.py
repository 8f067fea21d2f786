"""What people and programs can see of releases; nothing here changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.actual import actual_traffic, read_counts_of
from tidegate.controller.clock import Clock
from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.news import News
from tidegate.controller.program_view import program_steps
from tidegate.controller.publisher import Publisher
from tidegate.controller.reports.checklist import read_checklist
from tidegate.controller.reports.explaining import explained
from tidegate.controller.reports.release_report import read_report
from tidegate.controller.rollback_targets import rollback_targets
from tidegate.controller.route_explaining import AskedRoute, explain_route
from tidegate.controller.views import event_view, freeze_view, gateway_view, incident_view, release_view
from tidegate.delivery.release import PauseReason, Phase
from tidegate.delivery.snapshot import Pin
from tidegate.registry import incidents
from tidegate.registry.database import Database
from tidegate.registry.freezes import EVERYTHING, Freeze, freeze_of, list_freezes
from tidegate.registry.releases import ReleaseRow, current_of, events_of, list_releases, read_release
from tidegate.registry.services import Service, get_service, page_of_services
from tidegate.shapes.gateways import Gateway
from tidegate.shapes.incidents import Incident
from tidegate.shapes.operations import Checklist, ReleaseReport, RollbackTargets
from tidegate.shapes.releases import ActualTraffic, Event, Explanation, Release, RouteExplanation, Status
from tidegate.shapes.traffic import ReleaseProgram

_PAUSED_FOR_PEOPLE = frozenset({PauseReason.AWAIT_APPROVAL, PauseReason.UNVERIFIED})  # no reason to give up waiting


class Queries:
    """Releases, incidents and gateways in the public shapes.

    Args:
        pin_of: where a conversation is kept: release, attempt and unit hash.
    """

    def __init__(
        self,
        database: Database,
        observed: Database,
        clock: Clock,
        publisher: Publisher,
        gateways: GatewayRegistry,
        news: News,
        pin_of: Callable[[str, int, int], Pin | None],
    ) -> None:
        self._pin_of = pin_of
        self._database = database
        self._observed = observed
        self._clock = clock
        self._publisher = publisher
        self._gateways = gateways
        self._news = news

    async def status(self, service: str) -> Status:
        """One service and its running release, else its latest one.

        Raises:
            NotFoundError: no such service.
        """
        async with self._database.read() as connection:
            found = await get_service(connection, service)
            shown = await current_of(connection, [service])
            told = _status(found, shown[service], await freeze_of(connection, service))
        row = _current(shown[service])
        if told.release is None or row is None or row.phase.is_terminal:
            return told
        release = msgspec.structs.replace(told.release, actual=await self._actual(row))
        return msgspec.structs.replace(told, release=release)

    async def statuses(
        self, *, after: str | None = None, limit: int = 100, contains: str = "", only: Collection[str] = ()
    ) -> list[Status]:
        """Services by name, each with its running release, else its latest one.

        Args:
            after: name of the last one seen.
            limit: most of them.
            contains: what the name must contain.
            only: these services; empty means every one.
        """
        async with self._database.read() as connection:
            found = await page_of_services(connection, after=after, limit=limit, contains=contains, only=only)
            shown = await current_of(connection, [service.name for service in found])
            freezes = {freeze.scope: freeze for freeze in await list_freezes(connection)}
        return [
            _status(service, shown[service.name], freezes.get(service.name) or freezes.get(EVERYTHING))
            for service in found
        ]

    async def release(self, identifier: str) -> Release:
        """One release.

        Raises:
            NotFoundError: no such release.
        """
        async with self._database.read() as connection:
            return await self._looked_at(connection, await read_release(connection, identifier))

    async def history(
        self,
        service: str | None = None,
        *,
        version: str | None = None,
        is_running: bool | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Release]:
        """Releases, newest first; ``before`` is the id of the last one seen.

        Args:
            service: only this one's.
            version: only those whose candidate it is, a full reference.
            is_running: only those that are not over, or only those that are.
            before: id of the last one seen.
            limit: most of them.

        Raises:
            NotFoundError: no such service.
        """
        async with self._database.read() as connection:
            if service is not None:
                await get_service(connection, service)
            rows = await list_releases(
                connection, service=service, candidate=version, is_running=is_running, before=before, limit=limit
            )
            return [await _viewed(connection, row) for row in rows]

    async def program(self, identifier: str) -> ReleaseProgram:
        """Where a release is in its program.

        Raises:
            NotFoundError: no such release.
        """
        async with self._database.read() as connection:
            row = await read_release(connection, identifier)
            events = await events_of(connection, identifier)
        return ReleaseProgram(release=row.id, steps=program_steps(row.spec, row.state, events))

    async def explain(self, identifier: str) -> Explanation:
        """Why a release is where it is.

        Raises:
            NotFoundError: no such release.
        """
        async with self._database.read() as connection:
            row = await read_release(connection, identifier)
            events = tuple(map(event_view, await events_of(connection, identifier)))
            incident = await incidents.of_attempt(connection, identifier, row.state.attempt)
            view = await self._looked_at(connection, row)
        told = [_told(event) for event in events if event.sentence]
        return Explanation(
            release=view,
            summary=explained(view),
            sentences=(*told, *(verdict.sentence for verdict in row.state.verdicts)),
            events=events,
            incident=None if incident is None else incident_view(incident, row.state),
        )

    async def incidents(
        self, service: str | None = None, *, before: str | None = None, limit: int = 50
    ) -> list[Incident]:
        """Incidents, newest first; ``before`` is the id of the last one seen."""
        async with self._database.read() as connection:
            rows = await incidents.list_incidents(connection, service=service, before=before, limit=limit)
        return [incident_view(row) for row in rows]

    async def incident(self, identifier: str) -> Incident:
        """One incident.

        Raises:
            NotFoundError: no such incident.
        """
        async with self._database.read() as connection:
            found = await incidents.read_incident(connection, identifier)
            return incident_view(found, (await read_release(connection, found.release)).state)

    async def rollback_targets(self, service: str) -> RollbackTargets:
        """Where a service may return to.

        Raises:
            NotFoundError: no such service.
        """
        async with self._database.read() as connection:
            return await rollback_targets(connection, service)

    async def checklist(self, identifier: str) -> Checklist:
        """The deployment checklist of a release.

        Raises:
            NotFoundError: no such release.
        """
        async with self._database.read() as connection:
            row = await read_release(connection, identifier)
            view = await self._looked_at(connection, row)
            return await read_checklist(connection, row, view)

    async def report(self, identifier: str) -> ReleaseReport:
        """Everything about a release.

        Raises:
            NotFoundError: no such release.
        """
        explanation, checklist = await self.explain(identifier), await self.checklist(identifier)
        counts = await read_counts_of(self._observed, identifier)
        async with self._database.read() as connection:
            row = await read_release(connection, identifier)
            return await read_report(
                connection, row, explanation, checklist, counts or {}, written_at=self._clock.now()
            )

    def gateways(self) -> list[Gateway]:
        """Every gateway heard of lately."""
        revision = self._publisher.current.revision if self._publisher.is_ready else 0
        return [gateway_view(seen, revision) for seen in self._gateways.views()]

    async def events(self, release: str, *, after: int = 0) -> AsyncIterator[Event]:
        """What happened to a release after the audit row ``after``, and then whatever happens, until it ends.

        Raises:
            NotFoundError: no such release.
        """
        while True:
            seen = self._news.count
            async with self._database.read() as connection:
                row = await read_release(connection, release)
                fresh = await events_of(connection, release, after=after)
            for event in fresh:
                after = event.seq
                yield event_view(event)
            if row.phase.is_terminal:
                return
            await self._news.after(seen)

    async def wait(self, release: str, *, at_most: timedelta) -> Release:
        """The release once it is promoted, has ended or needs a person, or as it is when the time is up.

        Raises:
            NotFoundError: no such release.
        """
        try:
            async with asyncio.timeout(at_most.total_seconds()):
                while True:
                    seen = self._news.count
                    view = await self.release(release)
                    if _is_settled(view):
                        return view
                    await self._news.after(seen)
        except TimeoutError:
            return await self.release(release)

    def explain_route(self, service: str, asked: AskedRoute) -> RouteExplanation:
        """Which variant a request would get from the table in force; no request is sent.

        Raises:
            NotFoundError: no such service.
        """
        return explain_route(self._publisher.current, service, asked, self._pin_of)

    async def _looked_at(self, connection: AsyncConnection, row: ReleaseRow) -> Release:
        """With what gateways really do: for one release, never for lists."""
        view = await _viewed(connection, row)
        return view if row.phase.is_terminal else msgspec.structs.replace(view, actual=await self._actual(row))

    async def _actual(self, row: ReleaseRow) -> ActualTraffic:
        state = row.state
        wanted = None
        if state.awaited_epoch is not None and state.awaited_revision is not None:
            wanted = state.awaited_epoch, state.awaited_revision
        elif self._publisher.is_ready:
            wanted = self._publisher.current.epoch, self._publisher.current.revision
        return actual_traffic(row, await read_counts_of(self._observed, row.id), self._gateways.live(), wanted)


def _current(shown: Sequence[ReleaseRow]) -> ReleaseRow | None:
    """The running one, else the latest."""
    return next((row for row in shown if row.phase.is_running), shown[-1] if shown else None)


async def _viewed(connection: AsyncConnection, row: ReleaseRow) -> Release:
    is_frozen = row.phase.is_running and await freeze_of(connection, row.service) is not None
    return release_view(row, is_frozen=is_frozen)


def _status(service: Service, shown: Sequence[ReleaseRow], held: Freeze | None) -> Status:
    current = _current(shown)
    return Status(
        service=service.name,
        stable=service.stable,
        previous_stable=service.previous_stable,
        release=release_view(current, is_frozen=held is not None) if current else None,
        waiting=tuple(row.id for row in shown if row.phase is Phase.PENDING),
        freeze=None if held is None else freeze_view(held),
    )


def _is_settled(view: Release) -> bool:
    """Nothing more will happen by itself that somebody waiting for the promotion wants to see."""
    is_promoted = view.phase in {Phase.DRAINING, Phase.SUCCEEDED}
    is_over = not view.is_running
    is_held = bool(set(view.pause_reasons) - _PAUSED_FOR_PEOPLE)
    return is_promoted or is_over or is_held


def _told(event: Event) -> str:
    return f"{event.at:%Y-%m-%d %H:%M:%S} {event.sentence}"
