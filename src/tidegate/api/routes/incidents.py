"""Incidents, notifications and alerts: what went wrong, who was told, and who tells us."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse, Response

from tidegate.api.plane import Behind, Cursor, Limit, Operator, Reader, is_count
from tidegate.api.replies import answers, page, reply
from tidegate.controller.reports.markdown import incident_page
from tidegate.controller.reports.release_report import notification_view
from tidegate.delivery.alerts import FiredAlert
from tidegate.errors import InvalidInputError
from tidegate.registry import outbox
from tidegate.shapes.incidents import Incident, Incidents
from tidegate.shapes.operations import AlertsTaken, Notification, Notifications

router = APIRouter(tags=["incidents"])
ServiceFilter = Annotated[str | None, Query(description="Only this service's.")]
MARKDOWN = "text/markdown; charset=utf-8"


class NoteBody(BaseModel):
    """What a person has to say."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(description="Added as it is; notes are never changed.", max_length=20_000)


@router.get("/incidents", responses=answers(Incidents, "A page of incidents."))
async def list_incidents(
    plane: Behind, caller: Reader, service: ServiceFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Automatic rollbacks, newest first."""
    rows = await plane.control.queries.incidents(caller.scope(service), before=cursor, limit=limit + 1)
    shown, following = page(rows, limit, lambda row: row.id)
    return reply(Incidents(incidents=tuple(shown), next=following))


@router.get("/incidents/{incident}", responses=answers(Incident, "The incident."))
async def read_incident(plane: Behind, caller: Reader, incident: str) -> Response:
    """One incident, with its evidence as it stood at the decision, and the way back instant by instant."""
    found = await plane.control.queries.incident(incident)
    caller.need_service(found.service)
    return reply(found)


@router.post("/incidents/{incident}/notes", responses=answers(Incident, "The incident with its notes."))
async def note_incident(plane: Behind, caller: Operator, incident: str, body: NoteBody) -> Response:
    """Add a note to an incident."""
    caller.need_service((await plane.control.queries.incident(incident)).service)
    return reply(await plane.control.operations.note_incident(incident, body.text, actor=caller.actor))


@router.get(
    "/incidents/{incident}/export",
    responses=answers(None, "A post-mortem to go on writing.", media_type="text/markdown"),
)
async def export_incident(plane: Behind, caller: Reader, incident: str) -> Response:
    """An incident as Markdown: facts, timeline, evidence, notes, and what only people can fill in."""
    found = await plane.control.queries.incident(incident)
    caller.need_service(found.service)
    release = await plane.control.queries.release(found.release)
    return PlainTextResponse(incident_page(found, release), media_type=MARKDOWN)


@router.get("/notifications", responses=answers(Notifications, "A page of notifications."))
async def list_notifications(
    plane: Behind,
    caller: Reader,
    sink: Annotated[str | None, Query(description="Only to this sink; the log's are shown only so.")] = None,
    standing: Annotated[Literal["waiting", "sent", "dead"] | None, Query(description="What became of it.")] = None,
    release: Annotated[
        str | None, Query(description="Only what tells of this release.", pattern="^rel_[a-z0-9]+$")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """What was told, waits to be told, or was given up, newest first."""
    if release is None:
        caller.need_everything()
    else:
        caller.need_service((await plane.control.queries.release(release)).service)
    if cursor is not None and not is_count(cursor):
        raise InvalidInputError(f"{cursor!r} is not a cursor", where="cursor", remedy="send it as it came")
    async with plane.control.state.read() as connection:
        rows = await outbox.list_outbox(
            connection,
            sink=sink,
            standing=standing,
            release=release,
            before=None if cursor is None else int(cursor),
            limit=limit + 1,
        )
    shown, following = page(rows, limit, lambda row: str(row.id))
    return reply(Notifications(items=tuple(map(notification_view, shown)), next=following))


@router.post("/notifications/{number}/retry", responses=answers(Notification, "The notification, queued again."))
async def retry_notification(plane: Behind, caller: Operator, number: int) -> Response:
    """Queue a notification that was given up once more."""
    caller.need_everything()
    return reply(notification_view(await plane.control.operations.revive_notification(number, actor=caller.actor)))


@router.post("/alerts", responses=answers(AlertsTaken, "What became of each alert."))
async def take_alerts(plane: Behind, caller: Operator, payload: Annotated[dict[str, Any], Body()]) -> Response:
    """Alertmanager's webhook: an alert that the configuration makes a trigger ends the release it means.

    Such an alert fires, bears the labels of `alerts.match`, names a service or release by its labels, and began after
    the release did. Repetitions change nothing.
    """
    try:
        fired = msgspec.convert(payload.get("alerts"), list[FiredAlert])
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"this is no webhook of Alertmanager: {error}", where="alerts") from None
    settings = plane.control.settings.alerts
    for alert in fired:
        caller.scope(alert.labels.get(settings.service_label))
    return reply(await plane.control.operations.take_alerts(fired, actor=caller.actor))
