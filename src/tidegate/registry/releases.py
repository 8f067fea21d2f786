"""Releases and the intents that wait for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.intents import INTENTS, Intent
from tidegate.delivery.release import Phase, ReleaseSpec, ReleaseState, decode_state, encode_state
from tidegate.delivery.release_spec import decode_spec, encode_spec
from tidegate.errors import ConflictError, NotFoundError
from tidegate.registry.audit import AuditRow
from tidegate.registry.decoded import Decoded
from tidegate.registry.instants import from_optional, from_text, to_text
from tidegate.registry.schema import audit, intents, releases

_LOG = structlog.get_logger("tidegate.releases")
_REMEMBERED = 1_000
_SPECS: Decoded[str, ReleaseSpec] = Decoded(decode_spec, _REMEMBERED)
_STATES: Decoded[str, ReleaseState] = Decoded(decode_state, _REMEMBERED)


class ReleaseChangedError(ConflictError):
    """Somebody else committed this release first; nothing was written."""

    default_code = "release_changed"


class ReleaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One release as it is stored.

    Attributes:
        candidate: full reference of the version on trial; of an experiment the first arm's, until one has won.
        stable: full reference at submission.
        state: as committed last.
        version: rises with each commit; what ``If-Match`` names.
    """

    id: str
    service: str
    candidate: str
    stable: str | None
    spec: ReleaseSpec
    state: ReleaseState
    created_at: datetime
    ended_at: datetime | None
    actor: str
    reason: str
    version: int

    @property
    def phase(self) -> Phase:
        """Where it is."""
        return self.state.phase


async def insert_release(
    connection: AsyncConnection, *, spec: ReleaseSpec, state: ReleaseState, actor: str, reason: str
) -> ReleaseRow:
    """Store a release that was just accepted."""
    row = ReleaseRow(
        id=state.id,
        service=state.service,
        candidate=state.candidate,
        stable=state.stable,
        spec=spec,
        state=state,
        created_at=state.created_at,
        ended_at=None,
        actor=actor,
        reason=reason,
        version=1,
    )
    await connection.execute(
        sa.insert(releases).values(
            id=row.id,
            service=row.service,
            stable=row.stable,
            spec=encode_spec(spec).decode(),
            created_at=to_text(row.created_at),
            actor=actor,
            reason=reason,
            version=1,
            **_state_columns(state),
        )
    )
    return row


async def save_state(connection: AsyncConnection, row: ReleaseRow, state: ReleaseState) -> ReleaseRow:
    """Commit the next state of ``row``, if nobody else did meanwhile.

    Raises:
        ReleaseChangedError: the stored version is not that of ``row``.
    """
    unchanged = sa.and_(releases.c.id == row.id, releases.c.version == row.version)
    values = {"version": row.version + 1, **_state_columns(state)}
    written = await connection.execute(sa.update(releases).where(unchanged).values(values))
    if written.rowcount != 1:
        raise ReleaseChangedError(f"release {row.id} is no longer at version {row.version}")
    made = msgspec.structs.replace(row, state=state, version=row.version + 1, ended_at=state.ended_at)
    return msgspec.structs.replace(made, candidate=state.candidate)


async def touch_state(connection: AsyncConnection, row: ReleaseRow, state: ReleaseState) -> ReleaseRow | None:
    """Keep new evidence of a release that did not move, so that ``If-Match`` holds while nothing happens.

    ``None``, and nothing is kept, when the stored version is not that of ``row``: there will be newer evidence.
    """
    unchanged = sa.and_(releases.c.id == row.id, releases.c.version == row.version)
    written = await connection.execute(sa.update(releases).where(unchanged).values(_state_columns(state)))
    return msgspec.structs.replace(row, state=state) if written.rowcount == 1 else None


async def read_release(connection: AsyncConnection, identifier: str) -> ReleaseRow:
    """One release.

    Raises:
        NotFoundError: no such release.
    """
    row = (await connection.execute(sa.select(releases).where(releases.c.id == identifier))).mappings().first()
    if row is None:
        raise NotFoundError(f"there is no release {identifier!r}", remedy="`tidegate history SERVICE` lists them")
    return _release(row)


async def read_releases(connection: AsyncConnection, identifiers: Collection[str]) -> list[ReleaseRow]:
    """Those of ``identifiers`` that exist and that this program can read."""
    statement = sa.select(releases).where(releases.c.id.in_(identifiers))
    rows = (await connection.execute(statement)).mappings()
    return [release for row in rows if (release := _readable(row)) is not None]


async def active_releases(connection: AsyncConnection) -> list[ReleaseRow]:
    """Every release that is not over, and those that are and have an intent waiting; oldest first."""
    has_intent = sa.exists().where(intents.c.release == releases.c.id, intents.c.consumed_at.is_(None))
    statement = sa.select(releases).where(sa.or_(releases.c.is_running, has_intent)).order_by(releases.c.id)
    rows = (await connection.execute(statement)).mappings()
    return [release for row in rows if (release := _readable(row)) is not None]


async def unfinished_of(connection: AsyncConnection, service: str) -> list[ReleaseRow]:
    """Releases of ``service`` that are not over (pending ones too), oldest first."""
    wanted = sa.and_(releases.c.service == service, releases.c.is_running)
    statement = sa.select(releases).where(wanted).order_by(releases.c.id)
    return [_release(row) for row in (await connection.execute(statement)).mappings()]


async def current_of(connection: AsyncConnection, services: Collection[str]) -> dict[str, list[ReleaseRow]]:
    """What is going on at each service: its releases that are not over, oldest first, else its latest one."""
    found: dict[str, list[ReleaseRow]] = {service: [] for service in services}
    latest = sa.select(sa.func.max(releases.c.id)).where(releases.c.service.in_(services)).group_by(releases.c.service)
    wanted = sa.or_(sa.and_(releases.c.service.in_(services), releases.c.is_running), releases.c.id.in_(latest))
    for row in (await connection.execute(sa.select(releases).where(wanted).order_by(releases.c.id))).mappings():
        release = _readable(row)
        if release is not None:
            found[release.service].append(release)
    return {name: [row for row in rows if not row.phase.is_terminal] or rows for name, rows in found.items()}


async def list_releases(
    connection: AsyncConnection,
    *,
    service: str | None = None,
    candidate: str | None = None,
    is_running: bool | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[ReleaseRow]:
    """Newest first; ``before`` is the id of the last one seen."""
    statement = sa.select(releases).order_by(releases.c.id.desc()).limit(limit)
    if service is not None:
        statement = statement.where(releases.c.service == service)
    if candidate is not None:
        statement = statement.where(releases.c.candidate == candidate)
    if is_running is not None:
        statement = statement.where(releases.c.is_running if is_running else sa.not_(releases.c.is_running))
    if before is not None:
        statement = statement.where(releases.c.id < before)
    return [_release(row) for row in (await connection.execute(statement)).mappings()]


async def add_intent(
    connection: AsyncConnection,
    release: str,
    kind: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    detail: dict[str, Any],
) -> int:
    """Write down what somebody asks of a release; returns the intent's number.

    Args:
        kind: a name of :data:`tidegate.delivery.intents.INTENTS`.
        detail: further fields of that intent, such as ``full`` and ``roles``.
    """
    inserted = await connection.execute(
        sa.insert(intents).values(
            release=release,
            kind=kind,
            actor=actor,
            reason=reason,
            detail=msgspec.json.encode(detail).decode(),
            accepted_at=to_text(now),
        )
    )
    return int(inserted.inserted_primary_key[0])  # type: ignore[index]  # one row was inserted


async def open_intents(connection: AsyncConnection, wanted: Iterable[str]) -> dict[str, list[Intent]]:
    """Intents not yet consumed, by release, in the order of acceptance."""
    found: dict[str, list[Intent]] = {release: [] for release in wanted}
    statement = (
        sa.select(intents).where(intents.c.release.in_(found), intents.c.consumed_at.is_(None)).order_by(intents.c.id)
    )
    for row in (await connection.execute(statement)).mappings():
        found[row["release"]].append(_intent(row))
    return found


async def consume_intents(connection: AsyncConnection, ids: Iterable[int], now: datetime) -> None:
    """The decision being committed has answered these."""
    answered = list(ids)
    if answered:
        statement = sa.update(intents).where(intents.c.id.in_(answered)).values(consumed_at=to_text(now))
        await connection.execute(statement)


async def events_of(connection: AsyncConnection, release: str, *, after: int = 0, limit: int = 1000) -> list[AuditRow]:
    """What the audit log tells of one release after row ``after``, in order."""
    statement = (
        sa.select(audit).where(audit.c.subject == release, audit.c.seq > after).order_by(audit.c.seq).limit(limit)
    )
    return [
        AuditRow(**{**row, "at": from_text(row["at"]), "detail": msgspec.json.decode(row["detail"])})
        for row in (await connection.execute(statement)).mappings()
    ]


def _state_columns(state: ReleaseState) -> dict[str, Any]:
    return {
        "candidate": state.candidate,
        "state": encode_state(state).decode(),
        "phase": str(state.phase),
        "is_running": not state.phase.is_terminal,
        "ended_at": None if state.ended_at is None else to_text(state.ended_at),
    }


def _readable(row: sa.RowMapping) -> ReleaseRow | None:
    """One release that this program cannot read (another one wrote it) must not stop all the others; its
    service is served by stable alone meanwhile."""
    try:
        return _release(row)
    except msgspec.DecodeError as error:
        _LOG.error("release_unreadable", release=row["id"], service=row["service"], error=str(error))
        return None


def _release(row: sa.RowMapping) -> ReleaseRow:
    return ReleaseRow(
        id=row["id"],
        service=row["service"],
        candidate=row["candidate"],
        stable=row["stable"],
        spec=_SPECS.of(row["id"], row["spec"]),
        state=_STATES.of(row["id"], row["state"]),
        created_at=from_text(row["created_at"]),
        ended_at=from_optional(row["ended_at"]),
        actor=row["actor"],
        reason=row["reason"],
        version=row["version"],
    )


def _intent(row: sa.RowMapping) -> Intent:
    kind = INTENTS[row["kind"]]
    fields = msgspec.json.decode(row["detail"])
    return msgspec.convert(
        {
            **fields,
            "kind": row["kind"],
            "id": row["id"],
            "actor": row["actor"],
            "reason": row["reason"],
            "accepted_at": row["accepted_at"],
        },
        kind,
    )
