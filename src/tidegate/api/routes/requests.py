"""Requests: looked for, shown whole, and their kept texts erased."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from tidegate.api.caller import Caller
from tidegate.api.plane import Behind, Cursor, Limit, Operator, Plane, Reader
from tidegate.api.replies import answers, reply
from tidegate.controller.request_views import content_view, judgement_view, request_detail, request_view
from tidegate.delivery.pairs import copy_id
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.registry.feedback.reading import of_request
from tidegate.registry.judgements import judgements_of
from tidegate.registry.kept_content import content_of
from tidegate.registry.requests import FoundCounts, RequestFilter, find_requests, of_requests
from tidegate.shapes.requests import Erased, RequestDetail, Requests

router = APIRouter(tags=["requests"])
_Seconds = Annotated[float | None, Query(ge=0, le=1e7, description="At least this long, in seconds.")]
_Dollars = Annotated[float | None, Query(ge=0, le=1e6, description="At least this cost, in USD.")]
_Instant = Annotated[datetime | None, Query(description="ISO 8601 with an offset.")]


@router.get("/requests", responses=answers(Requests, "A page of requests."))
async def list_requests(
    plane: Behind,
    caller: Reader,
    service: Annotated[str | None, Query(description="Only this service's.")] = None,
    release: Annotated[str | None, Query(description="Only this release's.")] = None,
    version: Annotated[str | None, Query(description="Assigned to this version (full reference).")] = None,
    variant: Annotated[str | None, Query(description="Assigned to this variant.")] = None,
    outcome: Annotated[str | None, Query(description="With this outcome for the user.")] = None,
    slower_than: _Seconds = None,
    costlier_than: _Dollars = None,
    filtered: Annotated[bool, Query(description="Stopped by a content filter.")] = False,
    rated: Annotated[bool, Query(description="With feedback.")] = False,
    feedback_name: Annotated[str | None, Query(description="With feedback of this name.")] = None,
    since: _Instant = None,
    until: _Instant = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Requests as gateways observed them, newest first.

    Looking for what is rare may take several pages: one may hold few rows or none and still have a `next`.
    """
    own = () if service else caller.services
    wanted = RequestFilter(
        service=caller.scope(service) if service or len(own) < 2 else None,
        services=own if len(own) > 1 else (),
        release=release,
        version=version,
        variant=variant,
        outcome=outcome,
        slower_than_us=None if slower_than is None else round(slower_than * 1e6),
        costlier_than_nano=None if costlier_than is None else round(costlier_than * 1e9),
        is_filtered=filtered,
        is_rated=rated,
        feedback_name=feedback_name,
        since_us=_micro(since, "since"),
        until_us=_micro(until, "until"),
    )
    async with plane.control.observed.read() as connection:
        found = await find_requests(connection, wanted, after=cursor, limit=limit)
    return reply(Requests(items=tuple(request_view(row.observation) for row in found.rows), next=found.next))


@router.get("/requests/{request_id}", responses=answers(RequestDetail, "The request."))
async def read_request(plane: Behind, caller: Reader, request_id: str) -> Response:
    """One request: who was assigned and who served it, times, tokens, cost, what was said of it, and what is kept of it.

    Kept texts are shown to callers that may operate.
    """
    found = await _found(plane, caller, request_id)
    async with plane.control.observed.read() as connection:
        kept = await content_of(connection, request_id)
        copy = await content_of(connection, copy_id(request_id))
        said = await of_request(connection, request_id)
        judged = await judgements_of(connection, request_id)
    may_see = caller.has("operate")
    detail = request_detail(found.observation, found.counted, kept, said, may_see_content=may_see)
    mirrored = content_view(copy) if copy is not None and may_see else None
    return reply(msgspec.structs.replace(detail, mirrored=mirrored, judgements=tuple(map(judgement_view, judged))))


@router.delete("/content", responses=answers(Erased, "What was erased."))
async def erase_content(
    plane: Behind,
    caller: Operator,
    service: Annotated[str | None, Query(max_length=300, description="Whose unit it is.")] = None,
    unit: Annotated[
        str | None, Query(max_length=512, description="A unit, user or conversation, as the requests named it.")
    ] = None,
    request_id: Annotated[str | None, Query(max_length=100, description="One request instead.")] = None,
) -> Response:
    """Erase kept prompts and answers, and the words of feedback, of a person or of one request.

    What is still on its way from a gateway is not kept when it arrives. The audit log says who erased, and names the
    person by a hash only.
    """
    if (unit is None) == (request_id is None):
        raise InvalidInputError("name a unit with its service, or a request_id", where="unit")
    said, actor = plane.control.said, caller.actor.name
    if request_id is not None:
        found = await _found(plane, caller, request_id)
        erased = await said.erase_request(found.observation.service, request_id, actor=actor)
    else:
        if service is None or not unit:
            raise InvalidInputError("a unit belongs to a service", where="service", remedy="name the service")
        caller.need_service(service)
        erased = await said.erase(service, unit, actor=actor)
    return reply(Erased(**erased._asdict()))


async def _found(plane: Plane, caller: Caller, request_id: str) -> FoundCounts:
    async with plane.control.observed.read() as connection:
        found = (await of_requests(connection, [request_id])).get(request_id)
    if found is None:
        raise NotFoundError(
            f"nobody observed the request {request_id!r}",
            code="unknown_request",
            remedy="observations arrive after about a second and are kept for a limited time",
        )
    caller.need_service(found.observation.service)
    return found


def _micro(at: datetime | None, where: str) -> int | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidInputError("the instant has no offset", where=where, remedy="write 2026-09-15T12:00:00Z")
    return round(at.timestamp() * 1_000_000)
