"""Records: incidents, notifications, the audit log.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.records`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tidegate.client.calls import records
from tidegate.client.transport import AsyncTransport
from tidegate.shapes.audit import AuditCheck, AuditRows
from tidegate.shapes.incidents import Incident, Incidents
from tidegate.shapes.operations import AlertsTaken, Notification, Notifications


class RecordsOperations:
    """The operations of :mod:`tidegate.client.calls.records`; part of :class:`~tidegate.client.AsyncClient`."""

    _transport: AsyncTransport

    async def incidents(self, *, service: str | None = None, limit: int = 50, cursor: str | None = None) -> Incidents:
        """A page of incidents, newest first, of every service or of one."""
        return await self._transport.run(records.incidents(service=service, limit=limit, cursor=cursor))

    async def incident(self, incident: str) -> Incident:
        """One incident.

        Raises:
            NotFoundError: no such incident.
        """
        return await self._transport.run(records.incident(incident))

    async def note_incident(self, incident: str, text: str) -> Incident:
        """Add a note to an incident.

        Raises:
            NotFoundError: no such incident.
            InvalidInputError: it says nothing.
        """
        return await self._transport.run(records.note_incident(incident, text))

    async def incident_markdown(self, incident: str) -> str:
        """A post-mortem to go on writing: facts, timeline, evidence and notes.

        Raises:
            NotFoundError: no such incident.
        """
        return await self._transport.run(records.incident_markdown(incident))

    async def notifications(
        self,
        *,
        sink: str | None = None,
        standing: Literal["waiting", "sent", "dead"] | None = None,
        release: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Notifications:
        """A page of notifications, newest first, optionally to one sink, of one standing or of one release."""
        return await self._transport.run(
            records.notifications(sink=sink, standing=standing, release=release, limit=limit, cursor=cursor)
        )

    async def retry_notification(self, number: int) -> Notification:
        """Queue a notification that was given up once more.

        Raises:
            NotFoundError: no such notification.
        """
        return await self._transport.run(records.retry_notification(number))

    async def raise_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> AlertsTaken:
        """Hand alerts over as Alertmanager's webhook does; those that are triggers end the releases they mean."""
        return await self._transport.run(records.raise_alerts(alerts))

    async def audit(self, *, subject: str | None = None, limit: int = 100, cursor: str | None = None) -> AuditRows:
        """A page of the audit log, newest first, of everything or of one subject."""
        return await self._transport.run(records.audit(subject=subject, limit=limit, cursor=cursor))

    async def verify_audit(self, *, head: tuple[int, str] | None = None) -> AuditCheck:
        """Have the whole chain of the audit log computed again.

        Args:
            head: number and hash of a row that was noted earlier, which shows a cut tail as well.
        """
        return await self._transport.run(records.verify_audit(head=head))
