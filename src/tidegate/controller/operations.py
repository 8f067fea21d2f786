"""What people and programs can ask of releases: the application service behind the API and the command line.

Every command is written down in one transaction and answered as *accepted*; the controller's next pass, which
is woken at once, decides what comes of it. ``abort`` and ``rollback`` are unconditional and idempotent;
``promote`` and ``resume`` name the version of the release they were decided on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.allowance import Allowance
from tidegate.controller.arms import derived_contents
from tidegate.controller.clock import Clock
from tidegate.controller.going_back import ends_running, release_earlier
from tidegate.controller.intents import UNCONDITIONAL, Actor, accept_intent, check_intent
from tidegate.controller.publisher import Publisher
from tidegate.controller.submission import accept_release
from tidegate.controller.views import incident_view, release_view
from tidegate.delivery.alert_settings import AlertSettings
from tidegate.delivery.alerts import FiredAlert, addressee
from tidegate.delivery.release import Phase
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.errors import PreconditionError
from tidegate.registry import audit, incidents, outbox
from tidegate.registry.bundle_tree import BundleContent
from tidegate.registry.cluster import StaleLeaderError
from tidegate.registry.database import Database
from tidegate.registry.freezes import freeze, unfreeze
from tidegate.registry.idempotency import StoredResponse, recall, remember
from tidegate.registry.incidents import Note
from tidegate.registry.outbox import OutboxRow
from tidegate.registry.releases import (
    active_releases,
    read_release,
    unfinished_of,
)
from tidegate.registry.services import get_service
from tidegate.registry.versions import resolve
from tidegate.shapes.incidents import Incident
from tidegate.shapes.operations import AlertsTaken, AlertTaken
from tidegate.shapes.releases import Release

T = TypeVar("T")


class Idempotency(msgspec.Struct, frozen=True, kw_only=True):
    """An ``Idempotency-Key`` and the digest of the request that came with it (registry.idempotency)."""

    key: str
    digest: str


class Operations:
    """Commands.

    Args:
        allowance: what releases may do here.
        alerts: which alerts are triggers.
        wake_notifier: makes the notifier look at once.
        wake: makes the controller look at once.
        check_sources: refuses a release whose numbers no source can give.
        check_units: refuses a release whose units nobody names.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        publisher: Publisher,
        allowance: Allowance,
        alerts: AlertSettings,
        wake_notifier: Callable[[], None],
        wake: Callable[[], None],
        check_sources: Callable[[ReleaseSpec], None],
        check_units: Callable[[ReleaseSpec], Awaitable[None]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._publisher = publisher
        self._allowance = allowance
        self._alerts = alerts
        self._wake_notifier = wake_notifier
        self._wake = wake
        self._check_sources = check_sources
        self._check_units = check_units

    async def submit_release(
        self, spec: ReleaseSpec, *, actor: Actor, reason: str = "", idempotency: Idempotency | None = None
    ) -> Release:
        """Accept a release.

        Submitting the stable version ends the running release; when none runs nothing changes.

        Raises:
            NotFoundError: no such service or version.
            InvalidInputError: the strategy needs a stable version and the service has none, a source of numbers
                is unknown or wrong, or the unit is one that callers do not name.
            ConflictError: another release is running and this one is to be rejected then, or the version is
                stable or on trial already.
        """

        self._check_sources(spec)
        await self._check_units(spec)

        async def change(connection: AsyncConnection) -> Release:
            now = self._clock.now()
            row = await accept_release(connection, spec, self._allowance, actor=actor.name, reason=reason, now=now)
            return release_view(row)

        return await self._accepted(change, Release, actor, idempotency)

    async def derived_contents(self, spec: ReleaseSpec) -> list[BundleContent]:
        """Versions that submitting ``spec`` will register; whoever submits stores their parts first.

        Raises:
            NotFoundError: no such version to derive from.
        """
        async with self._database.read() as connection:
            return await derived_contents(connection, spec)

    async def command(
        self,
        release: str,
        kind: str,
        *,
        actor: Actor,
        reason: str = "",
        if_match: int | None = None,
        full: bool = False,
        idempotency: Idempotency | None = None,
    ) -> Release:
        """Ask something of a release.

        Args:
            kind: ``promote, pause, resume, abort, rollback, retry, approve, reject``.
            if_match: ``etag`` of the release the actor has seen; ``promote`` and ``resume`` need it.
            full: with ``promote``: skip every further soak.

        Raises:
            NotFoundError: no such release.
            InvalidInputError: unknown kind, or ``if_match`` or a reason is missing.
            PreconditionError: the release has changed since.
            ConflictError: the release has ended.
        """
        check_intent(kind, reason, if_match)

        async def change(connection: AsyncConnection) -> Release:
            row = await read_release(connection, release)
            if if_match is not None and kind not in UNCONDITIONAL and row.version != if_match:
                raise PreconditionError(
                    f"release {release} is at version {row.version}, not {if_match}", remedy="look again, then decide"
                )
            await accept_intent(connection, row, kind, actor, reason, now=self._clock.now(), is_full=full)
            return release_view(row)

        return await self._accepted(change, Release, actor, idempotency)

    async def rollback(
        self,
        service: str,
        *,
        actor: Actor,
        reason: str = "",
        to: str | None = None,
        idempotency: Idempotency | None = None,
    ) -> Release:
        """Bring a service back: end its running release, or release an earlier version directly.

        Before promotion that is an abort, while draining the way back to the warm version; after it a new
        direct release to the previous stable version, or to ``to``. Asking twice changes nothing more.

        Raises:
            NotFoundError: no such service or version.
            ConflictError: there is nothing to return to.
        """

        async def change(connection: AsyncConnection) -> Release:
            found = await get_service(connection, service)
            target = None if to is None else (await resolve(connection, to, service)).ref
            running = [row for row in await unfinished_of(connection, service) if row.phase is not Phase.PENDING]
            now = self._clock.now()
            if running and ends_running(running[0], target):
                await accept_intent(connection, running[0], "rollback", actor, reason, now=now)
                return release_view(running[0])
            row = await release_earlier(
                connection, found, target, self._allowance, actor=actor.name, reason=reason, now=now
            )
            return release_view(row)

        return await self._accepted(change, Release, actor, idempotency)

    async def take_alerts(self, alerts: Sequence[FiredAlert], *, actor: Actor) -> AlertsTaken:
        """Let each alert that is a trigger end the release it means; asked again, it changes nothing more."""

        async def change(connection: AsyncConnection) -> AlertsTaken:
            taken = [await self._take_alert(connection, alert, actor) for alert in alerts]
            return AlertsTaken(items=tuple(taken))

        answer = await self._database.transact(change)
        self._wake()
        return answer

    async def note_incident(self, incident: str, text: str, *, actor: Actor) -> Incident:
        """Add what a person has to say about an incident.

        Raises:
            NotFoundError: no such incident.
            InvalidInputError: it says nothing.
        """

        async def change(connection: AsyncConnection) -> Incident:
            now = self._clock.now()
            noted = await incidents.add_note(connection, incident, Note(at=now, actor=actor.name, text=text))
            detail = {"service": noted.service, "release": noted.release, "text": text}
            await audit.append(connection, actor.name, "incident.noted", incident, detail, now)
            return incident_view(noted)

        return await self._database.transact(change)

    async def revive_notification(self, number: int, *, actor: Actor) -> OutboxRow:
        """Queue a notification that was given up once more.

        Raises:
            NotFoundError: no such notification.
        """

        async def change(connection: AsyncConnection) -> OutboxRow:
            row = await outbox.revive(connection, number)
            detail = {"sink": row.sink, "event": row.event}
            await audit.append(connection, actor.name, "notification.revived", str(number), detail, self._clock.now())
            return row

        row = await self._database.transact(change)
        self._wake_notifier()
        return row

    async def freeze(self, scope: str, *, actor: Actor, reason: str) -> bool:
        """Send a service (or ``*``, all) to stable and stop all forward movement; whether it was not so before.

        Raises:
            InvalidInputError: no reason.
            NotFoundError: no such service.
        """

        async def change(connection: AsyncConnection) -> bool:
            return await freeze(connection, scope, reason=reason, actor=actor.name, at=self._clock.now())

        return await self._published(change)

    async def unfreeze(self, scope: str, *, actor: Actor, reason: str) -> bool:
        """Lift exactly that freeze; whether there was one."""

        async def change(connection: AsyncConnection) -> bool:
            return await unfreeze(connection, scope, reason=reason, actor=actor.name, at=self._clock.now())

        return await self._published(change)

    async def routing_changed(self) -> None:
        """Publish what was changed in the registry (services, providers, keys) and let the controller look."""
        with suppress(StaleLeaderError):  # what was changed is stored, and whoever leads now publishes it
            await self._publisher.refresh()
        self._wake()

    async def _published(self, change: Callable[[AsyncConnection], Awaitable[bool]]) -> bool:
        is_changed = await self._database.transact(change)
        await self.routing_changed()
        return is_changed

    async def _accepted(
        self,
        change: Callable[[AsyncConnection], Awaitable[T]],
        shape: type[T],
        actor: Actor,
        idempotency: Idempotency | None,
    ) -> T:
        """Run ``change`` once for each idempotency key, in one transaction with its answer, then wake the loop."""

        async def once(connection: AsyncConnection) -> T:
            if idempotency is None:
                return await change(connection)
            known = await recall(connection, actor.name, idempotency.key, idempotency.digest)
            if known is not None:
                return msgspec.json.decode(known.body, type=shape)
            answer = await change(connection)
            stored = StoredResponse(202, msgspec.json.encode(answer).decode())
            await remember(connection, actor.name, idempotency.key, idempotency.digest, stored, at=self._clock.now())
            return answer

        answer = await self._database.transact(once)
        self._wake()
        return answer

    async def _take_alert(self, connection: AsyncConnection, alert: FiredAlert, actor: Actor) -> AlertTaken:
        service = alert.labels.get(self._alerts.service_label)
        unfinished = await active_releases(connection) if service is None else await unfinished_of(connection, service)
        meant, why_not = addressee(alert, self._alerts, [row.state for row in unfinished])
        row = None if meant is None else next(row for row in unfinished if row.id == meant.id)
        if row is not None:
            await accept_intent(connection, row, "alert", actor, alert.sentence, now=self._clock.now())
        return AlertTaken(
            name=alert.name, fingerprint=alert.fingerprint, release=None if row is None else row.id, ignored=why_not
        )
