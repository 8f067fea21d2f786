"""Incidents as the API tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One instant of the way back: ``breach, routing_written, acknowledged`` (by ``gateway``), ``stable_everywhere,
    drained`` or ``drain_timeout``."""

    code: str
    at: datetime
    sentence: str
    gateway: str = ""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wrote about an incident afterwards."""

    at: datetime
    actor: str
    text: str


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One automatic rollback.

    Attributes:
        release: id of the release; ``attempt`` of it.
        variant: the arm that was taken out alone, "" when the whole release went back.
        trigger: what started it: a guardrail, hard limit, cut-off, deadline …
        evidence: the numbers as they stood at the decision.
        timeline: the way back, instant by instant.
        exposed_requests: user requests the candidate was assigned; ``exposed_units`` their units, of which one that
            came back in a later step counts there again.
        time_to_stable_seconds: breach to the last gateway's acknowledgement, ``None`` until then.
    """

    id: str
    service: str
    release: str
    attempt: int
    variant: str
    trigger: str
    summary: str
    evidence: dict[str, Any]
    timeline: tuple[Moment, ...]
    exposed_requests: int
    exposed_units: int
    time_to_stable_seconds: float | None
    opened_at: datetime
    closed_at: datetime | None
    notes: tuple[Note, ...]


class Incidents(msgspec.Struct, frozen=True, kw_only=True):
    """A page of incidents, newest first; ``next`` is the cursor of the following page."""

    incidents: tuple[Incident, ...]
    next: str | None
