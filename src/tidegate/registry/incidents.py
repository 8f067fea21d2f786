"""Incidents: the record of each automatic rollback, its evidence frozen when it was opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.release import Moment
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.registry.identifiers import new_id
from tidegate.registry.instants import from_optional, from_text, to_text
from tidegate.registry.schema import incidents

_DOCUMENTS = ("evidence", "timeline", "notes")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wrote about an incident afterwards; notes are added, never changed."""

    at: datetime
    actor: str
    text: str


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One automatic rollback.

    Attributes:
        variant: the arm that was taken out alone, "" when the whole release went back.
        trigger: what started it: a guardrail, hard limit, cut-off, deadline …
        evidence: the numbers as they stood at the decision.
        timeline: what happened on the way back, each with ``code``, ``at``, ``sentence``; complete when closed.
        exposed_requests: requests the candidate was assigned in this attempt.
        exposed_units: their units; one that came back in a later step counts there again.
        time_to_stable_seconds: from the breach to the last gateway's acknowledgement; ``None`` until then.
    """

    id: str
    service: str
    release: str
    attempt: int
    variant: str
    trigger: str
    summary: str
    evidence: dict[str, Any]
    timeline: tuple[Moment, ...] = ()
    exposed_requests: int
    exposed_units: int
    time_to_stable_seconds: float | None
    opened_at: datetime
    closed_at: datetime | None
    notes: tuple[Note, ...] = ()


async def open_incident(
    connection: AsyncConnection,
    *,
    service: str,
    release: str,
    attempt: int,
    trigger: str,
    summary: str,
    evidence: dict[str, Any],
    exposed_requests: int,
    exposed_units: int,
    now: datetime,
    variant: str = "",
) -> Incident:
    """Record it; the second call for the same attempt (and arm) returns the first one's record."""
    known = await of_attempt(connection, release, attempt, variant)
    if known is not None:
        return known
    incident = Incident(
        id=new_id("inc", now),
        service=service,
        release=release,
        attempt=attempt,
        variant=variant,
        trigger=trigger,
        summary=summary,
        evidence=evidence,
        exposed_requests=exposed_requests,
        exposed_units=exposed_units,
        time_to_stable_seconds=None,
        opened_at=now,
        closed_at=None,
    )
    values = msgspec.structs.asdict(incident)
    texts = {name: msgspec.json.encode(values[name]).decode() for name in _DOCUMENTS}
    values |= texts | {"opened_at": to_text(now)}
    await connection.execute(sa.insert(incidents).values(values))
    return incident


async def of_attempt(connection: AsyncConnection, release: str, attempt: int, variant: str = "") -> Incident | None:
    """The incident of one attempt, or of one of its arms, if it had one."""
    own = {"release": release, "attempt": attempt, "variant": variant}
    found = await connection.execute(sa.select(incidents).where(*(incidents.c[k] == v for k, v in own.items())))
    row = found.mappings().first()
    return None if row is None else _incident(row)


async def record_time_to_stable(connection: AsyncConnection, identifier: str, seconds: float) -> None:
    """Every gateway serves stable again; the first call counts."""
    unknown = sa.and_(incidents.c.id == identifier, incidents.c.time_to_stable_seconds.is_(None))
    await connection.execute(sa.update(incidents).where(unknown).values(time_to_stable_seconds=seconds))


async def close_incident(
    connection: AsyncConnection,
    identifier: str,
    *,
    now: datetime,
    exposed_requests: int,
    exposed_units: int,
    timeline: Sequence[Moment],
) -> None:
    """The rollback is complete: nothing of the candidate is in flight any more."""
    still_open = sa.and_(incidents.c.id == identifier, incidents.c.closed_at.is_(None))
    values = {
        "closed_at": to_text(now),
        "exposed_requests": exposed_requests,
        "exposed_units": exposed_units,
        "timeline": msgspec.json.encode(timeline).decode(),
    }
    await connection.execute(sa.update(incidents).where(still_open).values(values))


async def add_note(connection: AsyncConnection, identifier: str, note: Note) -> Incident:
    """Add what a person has to say.

    Raises:
        NotFoundError: no such incident.
        InvalidInputError: it says nothing.
    """
    if not note.text.strip():
        raise InvalidInputError("a note says something", code="empty_note", where="text")
    found = await read_incident(connection, identifier)
    notes = (*found.notes, note)
    text = msgspec.json.encode(notes).decode()
    await connection.execute(sa.update(incidents).where(incidents.c.id == identifier).values(notes=text))
    return msgspec.structs.replace(found, notes=notes)


async def read_incident(connection: AsyncConnection, identifier: str) -> Incident:
    """One incident.

    Raises:
        NotFoundError: no such incident.
    """
    row = (await connection.execute(sa.select(incidents).where(incidents.c.id == identifier))).mappings().first()
    if row is None:
        raise NotFoundError(f"there is no incident {identifier!r}")
    return _incident(row)


async def list_incidents(
    connection: AsyncConnection, *, service: str | None = None, before: str | None = None, limit: int = 50
) -> list[Incident]:
    """Newest first; ``before`` is the id of the last one seen."""
    statement = sa.select(incidents).order_by(incidents.c.id.desc()).limit(limit)
    if service is not None:
        statement = statement.where(incidents.c.service == service)
    if before is not None:
        statement = statement.where(incidents.c.id < before)
    return [_incident(row) for row in (await connection.execute(statement)).mappings()]


async def services_with_open(connection: AsyncConnection) -> list[str]:
    """The service of each incident whose rollback is not complete."""
    found = await connection.execute(sa.select(incidents.c.service).where(incidents.c.closed_at.is_(None)))
    return list(found.scalars())


def _incident(row: sa.RowMapping) -> Incident:
    return Incident(
        **{
            **row,
            "evidence": msgspec.json.decode(row["evidence"]),
            "timeline": msgspec.json.decode(row["timeline"], type=tuple[Moment, ...]),
            "notes": msgspec.json.decode(row["notes"], type=tuple[Note, ...]),
            "opened_at": from_text(row["opened_at"]),
            "closed_at": from_optional(row["closed_at"]),
        }
    )
