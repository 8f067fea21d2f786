"""What users got over time, how a release's evidence grew, and where it is in its program."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from tidegate.api.plane import Behind, Cursor, Limit, Reader
from tidegate.api.replies import answers, page, reply
from tidegate.shapes.traffic import CurrentTraffics, EvidenceHistory, ReleaseProgram, Traffic

router = APIRouter(tags=["traffic"])
_LONGEST_SECONDS = 400 * 86_400


@router.get("/services/{service}/traffic", responses=answers(Traffic, "The traffic."))
async def read_traffic(
    plane: Behind,
    caller: Reader,
    service: str,
    last_seconds: Annotated[int, Query(ge=10, le=_LONGEST_SECONDS, description="How far back.")] = 3600,
    release: Annotated[str | None, Query(description="Only requests of this release.")] = None,
) -> Response:
    """What users of a service got over time, by version: requests, failures, times, tokens, cost.

    Stretches are as fine as the time asked for lets them be, at the finest 10 s.
    """
    caller.need_service(service)
    await plane.control.queries.status(service)  # an unknown one is told so
    last = timedelta(seconds=last_seconds)
    return reply(await plane.control.traffic.over_time(service, last=last, release=release))


@router.get("/traffic", responses=answers(CurrentTraffics, "A page of services."))
async def list_current_traffic(
    plane: Behind,
    caller: Reader,
    service: Annotated[list[str] | None, Query(max_length=500, description="Only these, in this order.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """What users of each service get now: rates, errors, times and cost of the last minute."""
    for name in service or ():
        caller.need_service(name)
    names = service or [
        status.service
        for status in await plane.control.queries.statuses(after=cursor, limit=limit + 1, only=caller.services)
    ]
    shown, following = page(names, len(names) if service else limit, str)
    return reply(CurrentTraffics(items=tuple(await plane.control.traffic.current(shown)), next=following))


@router.get("/releases/{release}/evidence", responses=answers(EvidenceHistory, "The history of its verdicts."))
async def read_evidence(
    plane: Behind,
    caller: Reader,
    release: str,
    attempt: Annotated[int | None, Query(ge=1, le=10**6, description="The latest one without it.")] = None,
) -> Response:
    """How the evidence of a release grew: verdict, effect and interval of each metric at each analysis."""
    found = await plane.control.queries.release(release)
    caller.need_service(found.service)
    return reply(await plane.control.traffic.evidence(found.id, attempt or found.attempt))


@router.get("/releases/{release}/program", responses=answers(ReleaseProgram, "Every step, in order."))
async def read_program(plane: Behind, caller: Reader, release: str) -> Response:
    """Where a release is in its program: what is done, what is under way, what would come when."""
    caller.need_service((await plane.control.queries.release(release)).service)
    return reply(await plane.control.queries.program(release))
