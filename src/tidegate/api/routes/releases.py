"""Releases: start, watch, explain, and what people ask of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from tidegate.api.caller import Caller
from tidegate.api.event_stream import event_stream
from tidegate.api.plane import Approver, Behind, Cursor, IfMatch, Limit, Once, Operator, Plane, Reader, is_count
from tidegate.api.replies import answers, page, reply
from tidegate.api.routes.incidents import MARKDOWN
from tidegate.controller.operations import Idempotency
from tidegate.controller.reports.markdown import report_page
from tidegate.delivery.release_file import parse_release
from tidegate.documents import Document
from tidegate.errors import InvalidInputError
from tidegate.registry.bundle_tree import own_parts
from tidegate.registry.push import store_artifacts
from tidegate.shapes.operations import Checklist
from tidegate.shapes.pairs import Pairs
from tidegate.shapes.releases import Explanation, Release, Releases

router = APIRouter(tags=["releases"])
LONGEST_WAIT_SECONDS = 60.0


class ReleaseBody(BaseModel):
    """What to release, and how."""

    model_config = ConfigDict(extra="forbid")
    service: str
    version: str = Field(description="Any reference to the candidate; vX.Y.Z is enough.")
    spec: dict[str, Any] | None = Field(
        None, description="The rest of a `kind: Release` document: strategy, probe, guardrails, analysis, rollback."
    )
    reason: str = ""


class CommandBody(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")
    reason: str = ""


class PromoteBody(CommandBody):
    """Why, and how far."""

    full: bool = Field(default=False, description="Skip every further soak; never hard limits nor the bake.")


_NO_COMMAND = CommandBody()
_NO_PROMOTE = PromoteBody()
_ACCEPTED = answers(Release, "Accepted: written down; the controller's next pass weighs it.", status=202)


@router.post("/releases", status_code=202, responses=_ACCEPTED)
async def start_release(plane: Behind, caller: Operator, body: ReleaseBody, once: Once) -> Response:
    """Start a release; direct, with its defaults, unless `spec` says otherwise.

    Releasing the stable version ends what is running instead.
    """
    caller.need_service(body.service)
    spec = parse_release(Document(_document(body), "spec"))
    derived = await plane.control.operations.derived_contents(spec)
    await store_artifacts(plane.registry.artifacts, [part for content in derived for part in own_parts(content)])
    view = await plane.control.operations.submit_release(spec, actor=caller.actor, reason=body.reason, idempotency=once)
    response = reply(view, 202, etag=view.etag)
    response.headers["location"] = f"/api/v1/releases/{view.id}"
    return response


@router.get("/releases", responses=answers(Releases, "A page of releases."))
async def list_releases(
    plane: Behind,
    caller: Reader,
    service: Annotated[str | None, Query(description="Only this service's.")] = None,
    version: Annotated[str | None, Query(description="Only those of this candidate, a full reference.")] = None,
    running: Annotated[bool | None, Query(description="Only those under way, or only those that are over.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Releases, newest first."""
    rows = await plane.control.queries.history(
        caller.scope(service), version=version, is_running=running, before=cursor, limit=limit + 1
    )
    shown, following = page(rows, limit, lambda row: row.id)
    return reply(Releases(items=tuple(shown), next=following))


@router.get("/releases/{release}", responses=answers(Release, "The release; its ETag guards promote and resume."))
async def read_release(
    plane: Behind,
    caller: Reader,
    release: str,
    wait_seconds: Annotated[
        float,
        Query(ge=0, le=LONGEST_WAIT_SECONDS, description="Answer when it is promoted, ended or held, or after this."),
    ] = 0.0,
) -> Response:
    """One release, now or (a long poll) as soon as it is promoted, has ended, or is held."""
    view = await plane.control.queries.release(release)
    caller.need_service(view.service)
    if wait_seconds > 0:
        view = await plane.control.queries.wait(release, at_most=timedelta(seconds=wait_seconds))
    return reply(view, etag=view.etag)


@router.get("/releases/{release}/explain", responses=answers(Explanation, "Why it is where it is."))
async def explain_release(plane: Behind, caller: Reader, release: str) -> Response:
    """Why a release is where it is: sentences, the events they rest on, and the incident if there was one."""
    found = await plane.control.queries.explain(release)
    caller.need_service(found.release.service)
    return reply(found, etag=found.release.etag)


@router.get("/releases/{release}/pairs", responses=answers(Pairs, "A page of pairs."))
async def list_pairs(
    plane: Behind,
    caller: Reader,
    release: str,
    different: Annotated[bool, Query(description="Only those whose texts or outcomes differ.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Both answers to each mirrored request, newest first, and what they add up to in each step."""
    found = await plane.control.queries.release(release)
    caller.need_service(found.service)
    pairs = await plane.control.pairs.pairs(found.id, is_different=different, after=cursor, limit=limit)
    return reply(pairs)


@router.get("/releases/{release}/checklist", responses=answers(Checklist, "The checklist."))
async def read_checklist(plane: Behind, caller: Reader, release: str) -> Response:
    """The deployment checklist of a release (before, during, after), each point from the real state."""
    found = await plane.control.queries.checklist(release)
    caller.need_service(found.service)
    return reply(found)


@router.get(
    "/releases/{release}/report",
    responses={
        200: {
            "description": "The report.",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ReleaseReport"}},
                "text/markdown": {"schema": {"type": "string"}},
            },
        }
    },
)
async def report_release(
    plane: Behind,
    caller: Reader,
    release: str,
    format: Annotated[Literal["json", "markdown"], Query(description="How it is written.")] = "json",  # noqa: A002 - the parameter's name
) -> Response:
    """Everything about a release: what was declared, what happened, and all evidence."""
    found = await plane.control.queries.report(release)
    caller.need_service(found.explanation.release.service)
    if format == "markdown":
        return PlainTextResponse(report_page(found), media_type=MARKDOWN)
    return reply(found)


@router.get(
    "/releases/{release}/events",
    responses={
        200: {
            "description": "Server-sent events; data is an Event, id its seq.",
            "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/Event"}}},
        }
    },
)
async def watch_release(
    plane: Behind,
    caller: Reader,
    release: str,
    last_event_id: Annotated[str, Header(alias="last-event-id", description="Resume after this event.")] = "",
) -> Response:
    """What happened to a release, and then whatever happens, as server-sent events; `event: end` is the last one."""
    if last_event_id and not is_count(last_event_id):
        raise InvalidInputError(f"{last_event_id!r} is no id of an event", where="Last-Event-ID")
    caller.need_service((await plane.control.queries.release(release)).service)
    events = plane.control.queries.events(release, after=int(last_event_id or 0))
    return StreamingResponse(
        event_stream(events, plane.closing), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


@router.post("/releases/{release}/promote", status_code=202, responses=_ACCEPTED)
async def promote(
    plane: Behind,
    caller: Operator,
    release: str,
    once: Once,
    if_match: IfMatch,
    body: PromoteBody = _NO_PROMOTE,
) -> Response:
    """Go on now instead of after the soak; needs `If-Match`."""
    return await _command(plane, caller, release, "promote", body.reason, once, if_match=if_match, full=body.full)


@router.post("/releases/{release}/pause", status_code=202, responses=_ACCEPTED)
async def pause(plane: Behind, caller: Operator, release: str, once: Once, body: CommandBody = _NO_COMMAND) -> Response:
    """Do not go forward until somebody resumes; guardrails stay armed."""
    return await _command(plane, caller, release, "pause", body.reason, once)


@router.post("/releases/{release}/resume", status_code=202, responses=_ACCEPTED)
async def resume(
    plane: Behind, caller: Operator, release: str, once: Once, if_match: IfMatch, body: CommandBody = _NO_COMMAND
) -> Response:
    """Go on after a pause; needs `If-Match`."""
    return await _command(plane, caller, release, "resume", body.reason, once, if_match=if_match)


@router.post("/releases/{release}/abort", status_code=202, responses=_ACCEPTED)
async def abort(plane: Behind, caller: Operator, release: str, once: Once, body: CommandBody = _NO_COMMAND) -> Response:
    """End the release, all traffic to stable; unconditional, and repeating it changes nothing."""
    return await _command(plane, caller, release, "abort", body.reason, once)


@router.post("/releases/{release}/retry", status_code=202, responses=_ACCEPTED)
async def retry(plane: Behind, caller: Operator, release: str, once: Once, body: CommandBody = _NO_COMMAND) -> Response:
    """Try a release that was rolled back or rejected once more; needs a reason."""
    return await _command(plane, caller, release, "retry", body.reason, once)


@router.post("/releases/{release}/approve", status_code=202, responses=_ACCEPTED)
async def approve(
    plane: Behind, caller: Approver, release: str, once: Once, body: CommandBody = _NO_COMMAND
) -> Response:
    """Let an approve step pass."""
    return await _command(plane, caller, release, "approve", body.reason, once)


@router.post("/releases/{release}/reject", status_code=202, responses=_ACCEPTED)
async def reject(
    plane: Behind, caller: Approver, release: str, once: Once, body: CommandBody = _NO_COMMAND
) -> Response:
    """Do not let an approve step pass: the release rolls back."""
    return await _command(plane, caller, release, "reject", body.reason, once)


async def _command(
    plane: Plane,
    caller: Caller,
    release: str,
    kind: str,
    reason: str,
    once: Idempotency | None,
    *,
    if_match: int | None = None,
    full: bool = False,
) -> Response:
    if caller.services:
        caller.need_service((await plane.control.queries.release(release)).service)
    view = await plane.control.operations.command(
        release, kind, actor=caller.actor, reason=reason, if_match=if_match, full=full, idempotency=once
    )
    return reply(view, 202, etag=view.etag)


def _document(body: ReleaseBody) -> dict[str, Any]:
    """The body as a release file; service and version stand beside the spec and may stand in it too."""
    spec = dict(body.spec or {})
    for name, value in (("service", body.service), ("version", body.version)):
        if spec.setdefault(name, value) != value:
            raise InvalidInputError(
                f"the spec names the {name} {spec[name]!r}, the request {value!r}",
                code="contradiction",
                where=f"spec.{name}",
                remedy="leave it out of the spec",
            )
    return spec
