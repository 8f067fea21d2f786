"""Records: incidents, notifications, the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tidegate.client.call import Call, in_path
from tidegate.shapes.audit import AuditCheck, AuditRows
from tidegate.shapes.incidents import Incident, Incidents
from tidegate.shapes.operations import AlertsTaken, Notification, Notifications


def incidents(*, service: str | None = None, limit: int = 50, cursor: str | None = None) -> Call[Incidents]:
    """A page of incidents, newest first, of every service or of one."""
    query = {"service": service, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/incidents", returns=Incidents, query=query)


def incident(incident: str) -> Call[Incident]:
    """One incident.

    Raises:
        NotFoundError: no such incident.
    """
    return Call(method="GET", path=f"/incidents/{in_path(incident)}", returns=Incident)


def note_incident(incident: str, text: str) -> Call[Incident]:
    """Add a note to an incident.

    Raises:
        NotFoundError: no such incident.
        InvalidInputError: it says nothing.
    """
    return Call(method="POST", path=f"/incidents/{in_path(incident)}/notes", returns=Incident, body={"text": text})


def incident_markdown(incident: str) -> Call[str]:
    """A post-mortem to go on writing: facts, timeline, evidence and notes.

    Raises:
        NotFoundError: no such incident.
    """
    return Call(method="GET", path=f"/incidents/{in_path(incident)}/export", returns=str)


def notifications(
    *,
    sink: str | None = None,
    standing: Literal["waiting", "sent", "dead"] | None = None,
    release: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Call[Notifications]:
    """A page of notifications, newest first, optionally to one sink, of one standing or of one release."""
    query = {"sink": sink, "standing": standing, "release": release, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/notifications", returns=Notifications, query=query)


def retry_notification(number: int) -> Call[Notification]:
    """Queue a notification that was given up once more.

    Raises:
        NotFoundError: no such notification.
    """
    return Call(method="POST", path=f"/notifications/{number}/retry", returns=Notification)


def raise_alerts(alerts: Sequence[Mapping[str, Any]]) -> Call[AlertsTaken]:
    """Hand alerts over as Alertmanager's webhook does; those that are triggers end the releases they mean."""
    return Call(method="POST", path="/alerts", returns=AlertsTaken, body={"version": "4", "alerts": list(alerts)})


def audit(*, subject: str | None = None, limit: int = 100, cursor: str | None = None) -> Call[AuditRows]:
    """A page of the audit log, newest first, of everything or of one subject."""
    query = {"subject": subject, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/audit", returns=AuditRows, query=query)


def verify_audit(*, head: tuple[int, str] | None = None) -> Call[AuditCheck]:
    """Have the whole chain of the audit log computed again.

    Args:
        head: number and hash of a row that was noted earlier, which shows a cut tail as well.
    """
    query: dict[str, str | int | None] = {} if head is None else {"seq": head[0], "hash": head[1]}
    return Call(method="GET", path="/audit/verify", returns=AuditCheck, query=query, longest_seconds=600.0)
