"""Looks for requests among many millions of rows: newest first, page by page, each page a bounded amount of work.

A question is answered in two steps. The condition that excludes most (a release, a failure, a slow one, a service …)
*drives*: its index gives the newest rows, at most :data:`MOST_SCANNED` of them. The other conditions then choose
among those. A page may therefore hold fewer rows than asked for, or none, and still be followed by others: its
cursor says how far the search came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.observation import Observation
from tidegate.errors import InvalidInputError
from tidegate.registry.hashes import to_signed, to_unsigned
from tidegate.registry.observations import Counts
from tidegate.registry.schema import feedback, requests

MOST_SCANNED = 10_000
SLOW_US = 10_000_000  # with at least this duration a request is in the index of slow ones
COSTLY_NANO_USD = 100_000_000
_FILTERED = "filtered"
_DECODER = msgspec.json.Decoder(Observation)
_POSITION = (requests.c.started_at_us, requests.c.id)


class RequestFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests; every given condition must hold.

    Attributes:
        services: empty means every one.
        version, variant: those the request was assigned to.
        outcome: the user's.
        slower_than_us, costlier_than_nano: at least so much.
        is_filtered: a content filter stopped it.
        is_rated: feedback was given on it; ``feedback_name``: under this name.
        since_us, until_us: when it began.
    """

    service: str | None = None
    services: tuple[str, ...] = ()
    release: str | None = None
    version: str | None = None
    variant: str | None = None
    outcome: str | None = None
    slower_than_us: int | None = None
    costlier_than_nano: int | None = None
    is_filtered: bool = False
    is_rated: bool = False
    feedback_name: str | None = None
    since_us: int | None = None
    until_us: int | None = None


class FoundRequest(NamedTuple):
    """A row and the cursor that continues after it."""

    observation: Observation
    cursor: str


class RequestPage(NamedTuple):
    """Some rows; ``next`` continues the search, ``None`` at its end."""

    rows: list[FoundRequest]
    next: str | None


async def find_requests(
    connection: AsyncConnection, wanted: RequestFilter, *, after: str | None = None, limit: int = 50
) -> RequestPage:
    """Requests that match, newest first.

    Args:
        after: ``next`` of the page before.

    Raises:
        InvalidInputError: ``after`` is no cursor of this listing.
    """
    driving, choosing = _split(wanted)
    if after is not None:
        driving = [*driving, sa.tuple_(*_POSITION) < sa.tuple_(*read_cursor(after))]
    scanned = MOST_SCANNED if choosing else limit + 1
    newest = sa.select(requests.c.id).where(*driving).order_by(*(each.desc() for each in _POSITION)).limit(scanned)
    within = newest.subquery("newest")
    statement = (
        sa.select(requests.c.id, requests.c.started_at_us, requests.c.row)
        .join(within, within.c.id == requests.c.id)
        .where(*choosing)
        .order_by(*(each.desc() for each in _POSITION))
        .limit(limit + 1)
    )
    rows = [
        FoundRequest(_DECODER.decode(row.row), f"{row.started_at_us}-{row.id}")
        for row in await connection.execute(statement)
    ]
    if len(rows) > limit:
        return RequestPage(rows[:limit], rows[limit - 1].cursor)
    return RequestPage(rows, await _end_of_scan(connection, newest, scanned) if choosing else None)


async def sampled_requests(connection: AsyncConnection, release: str, *, limit: int) -> list[FoundCounts]:
    """The newest requests of a release from the windows of its steps."""
    statement = (
        sa.select(requests.c.row, requests.c.counted)
        .where(requests.c.release == release, requests.c.release != "", requests.c.counted >= Counts.WINDOW)
        .order_by(requests.c.started_at_us.desc())
        .limit(limit)
    )
    return [FoundCounts(_DECODER.decode(row.row), row.counted) for row in await connection.execute(statement)]


async def of_requests(connection: AsyncConnection, request_ids: Collection[str]) -> dict[str, FoundCounts]:
    """What is known of some requests, by id; unknown ones are left out."""
    found: dict[str, FoundCounts] = {}
    asked = list(request_ids)
    for first in range(0, len(asked), _AT_ONCE):
        some = asked[first : first + _AT_ONCE]
        statement = sa.select(requests.c.row, requests.c.counted).where(requests.c.request_id.in_(some))
        for row in await connection.execute(statement.order_by(requests.c.id)):
            observation = _DECODER.decode(row.row)
            found[observation.request_id] = FoundCounts(observation, row.counted)
    return found


async def latest_of_units(
    connection: AsyncConnection,
    service: str,
    unit_hashes: Collection[int],
    *,
    started_after_us: int,
    started_before_us: int,
    among: int,
) -> dict[int, list[FoundCounts]]:
    """The newest requests of some units, newest first.

    Args:
        started_after_us, started_before_us: when they began.
        among: how many of the newest requests of the service are looked at.
    """
    within = (
        sa.select(requests.c.id, requests.c.unit_hash)
        .where(requests.c.service == service, requests.c.started_at_us.between(started_after_us, started_before_us))
        .order_by(requests.c.started_at_us.desc())
        .limit(among)
    ).subquery("newest")
    asked = [to_signed(unit) for unit in unit_hashes]
    statement = (
        sa.select(requests.c.unit_hash, requests.c.row, requests.c.counted)
        .join(within, within.c.id == requests.c.id)
        .where(within.c.unit_hash.in_(asked))
        .order_by(*(each.desc() for each in _POSITION))
    )
    found: dict[int, list[FoundCounts]] = defaultdict(list)
    for row in await connection.execute(statement):
        found[to_unsigned(row.unit_hash)].append(FoundCounts(_DECODER.decode(row.row), row.counted))
    return found


async def mark_rated(connection: AsyncConnection, request_id: str) -> None:
    """Somebody said something of the request."""
    await connection.execute(sa.update(requests).where(requests.c.request_id == request_id).values(is_rated=True))


class FoundCounts(NamedTuple):
    """An observation, and the part of its release's counts it is in (:class:`~tidegate.registry.observations.Counts`)."""

    observation: Observation
    counted: int


_AT_ONCE = 400  # parameters of one statement


def read_cursor(text: str) -> tuple[int, int]:
    """Instant and number of the last row seen.

    Raises:
        InvalidInputError: it is no cursor.
    """
    instant, _, identifier = text.partition("-")
    if not (instant.isdecimal() and identifier.isdecimal() and len(text) < 40):
        raise InvalidInputError(f"{text!r} is not a cursor", remedy="pass the cursor of the last page as it came")
    return int(instant), int(identifier)


async def _end_of_scan(connection: AsyncConnection, newest: sa.Select[Any], scanned: int) -> str | None:
    """Where the search stopped, ``None`` if there was nothing more to look at."""
    last = newest.with_only_columns(requests.c.started_at_us, requests.c.id).offset(scanned - 1).limit(1)
    row = (await connection.execute(last)).one_or_none()
    return None if row is None else f"{row.started_at_us}-{row.id}"


_Conditions = list[sa.ColumnElement[bool]]


def _split(wanted: RequestFilter) -> tuple[_Conditions, _Conditions]:
    """What drives the search, and what chooses among what it gives."""
    time_range = _time_range(wanted)
    conditions = _conditions(wanted)
    driver = next((name for name in _DRIVERS if name in conditions), None)
    driving = conditions.pop(driver) if driver is not None else []
    return [*driving, *time_range], [each for some in conditions.values() for each in some]


_DRIVERS = ("is_rated", "release", "outcome", "slow", "costly", "service")
"""The rarest first; each has an index that is sorted by time."""


def _conditions(wanted: RequestFilter) -> dict[str, _Conditions]:
    """By name. A driver's begin with its index's own condition, word for word, which is how databases know that the
    index may be used."""
    column = requests.c
    found: dict[str, _Conditions] = {}
    if wanted.is_rated or wanted.feedback_name:
        found["is_rated"] = [sa.text("is_rated")]  # type: ignore[list-item]
    if wanted.feedback_name:
        named = feedback.c.request_id == column.request_id, feedback.c.name == wanted.feedback_name
        said = sa.exists().where(*named, feedback.c.standing.in_(["counted", "uncounted"]))
        found["feedback_name"] = [said]
    if wanted.release:
        found["release"] = [sa.text("release <> ''"), column.release == wanted.release]  # type: ignore[list-item]
    outcome = _FILTERED if wanted.is_filtered else wanted.outcome
    if outcome:
        is_rare = outcome != "ok"
        found["outcome" if is_rare else "answered"] = [
            *([sa.text("outcome <> 'ok'")] if is_rare else []),  # type: ignore[list-item]
            column.outcome == outcome,
        ]
    for name, least, bound, measured in (
        ("slow", wanted.slower_than_us, SLOW_US, column.duration_us),
        ("costly", wanted.costlier_than_nano, COSTLY_NANO_USD, column.cost_nano_usd),
    ):
        if least is not None:
            is_rare = least >= bound
            own = [sa.text(f"{measured.name} >= {bound}")] if is_rare else []
            found[name if is_rare else f"rather_{name}"] = [*own, measured >= least]  # type: ignore[list-item]
    if wanted.service is not None:
        found["service"] = [column.service == wanted.service]
    elif wanted.services:
        found["services"] = [column.service.in_(wanted.services)]
    for name in ("version", "variant"):
        if (value := getattr(wanted, name)) is not None:
            found[name] = [column[name] == value]
    return found


def _time_range(wanted: RequestFilter) -> _Conditions:
    began = requests.c.started_at_us
    since = [] if wanted.since_us is None else [began >= wanted.since_us]
    return since if wanted.until_us is None else [*since, began < wanted.until_us]
