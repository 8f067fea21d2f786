"""Incidents and notifications as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, fields, table
from tidegate.cli.wording import duration, instant, moment
from tidegate.shapes.incidents import Incident
from tidegate.shapes.operations import Notification

_STANDINGS = {"sent": ("✔ sent", "green"), "waiting": ("○ waiting", "yellow"), "dead": ("✖ dead", "bold red")}


def incidents_table(incidents: Sequence[Incident], now: datetime) -> list[Text]:
    """One line for each incident, newest first."""
    if not incidents:
        return [Text("No incidents.")]
    rows: list[list[Cell]] = [
        [
            incident.id,
            incident.service,
            incident.release,
            Text(incident.trigger, style="red"),
            moment(incident.opened_at, now),
            str(incident.exposed_requests),
            duration(incident.time_to_stable_seconds),
            incident.summary,
        ]
        for incident in incidents
    ]
    titles = ["incident", "service", "release", "trigger", "opened", "exposed", "to stable", "summary"]
    return table(titles, rows, numbers={5, 6})


def incident_lines(incident: Incident, now: datetime) -> list[Text]:
    """One incident in full."""
    pairs: list[tuple[str, Cell]] = [
        ("opened", moment(incident.opened_at, now)),
        ("trigger", Text(incident.trigger, style="red")),
        ("summary", incident.summary),
        ("exposed", f"{incident.exposed_requests} requests of users, {incident.exposed_units} units"),
        ("to stable", duration(incident.time_to_stable_seconds)),
    ]
    began = incident.timeline[0].at if incident.timeline else incident.opened_at
    pairs += [
        ("way back" if not index else "", f"+{duration((each.at - began).total_seconds())}  {each.sentence}")
        for index, each in enumerate(incident.timeline)
    ]
    pairs += [
        ("notes" if not index else "", f"{instant(note.at)} {note.actor}: {note.text}")
        for index, note in enumerate(incident.notes)
    ]
    return [Text(f"incident {incident.id}", style="bold red"), *fields(pairs)]


def notifications_table(notifications: Sequence[Notification], now: datetime) -> list[Text]:
    """One line for each notification."""
    if not notifications:
        return [Text("No notifications.")]
    rows: list[list[Cell]] = [
        [
            str(each.id),
            each.sink,
            each.event,
            Text(*_STANDINGS[each.standing]),
            moment(each.created_at, now),
            str(each.attempts),
            each.error or str(each.payload.get("sentence", "")),
        ]
        for each in notifications
    ]
    return table(["number", "sink", "event", "standing", "since", "tries", "what"], rows, numbers={0, 5})
