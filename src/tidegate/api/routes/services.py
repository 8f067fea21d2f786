"""Services: status, what is declared of them, history, rollback, and who would get what."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from tidegate.api.plane import Behind, Cursor, IfMatch, Limit, Once, Operator, Reader
from tidegate.api.replies import answers, page, plain, reply
from tidegate.controller.route_explaining import AskedRoute
from tidegate.delivery.quantities import decode_quantity
from tidegate.delivery.service import ServiceSpec
from tidegate.documents import Document, decode
from tidegate.errors import PreconditionError
from tidegate.registry import services
from tidegate.shapes.operations import RollbackTargets
from tidegate.shapes.releases import Release, Releases, RouteExplanation, Status, Statuses
from tidegate.shapes.services import Preview, Service

router = APIRouter(tags=["services"])


class RollbackBody(BaseModel):
    """How to bring a service back."""

    model_config = ConfigDict(extra="forbid")
    to: str | None = Field(default=None, description="Version to return to; the previous stable one without it.")
    reason: str = ""


class RouteBody(BaseModel):
    """A request as far as routing looks at it."""

    model_config = ConfigDict(extra="forbid")
    unit: str | None = Field(default=None, description="The header x-tidegate-unit.")
    conversation: str | None = None
    user: str | None = None
    headers: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    key: str = Field(default="", description="Name of the access key.")


class PreviewBody(BaseModel):
    """A client's request, and the version it would be rendered for."""

    model_config = ConfigDict(extra="forbid")
    request: dict[str, Any] = Field(description="The client's body; model may be left out.")
    path: str = Field(default="/v1/chat/completions", description="The client's endpoint.")
    version: str = Field(default="", description="Version to render it for; the stable one without it.")


@router.get("/services", responses=answers(Statuses, "A page of services."))
async def list_services(
    plane: Behind,
    caller: Reader,
    contains: Annotated[str, Query(max_length=128, description="Only those whose name contains this.")] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Every service with what its users get and its running release, by name."""
    views = await plane.control.queries.statuses(after=cursor, limit=limit + 1, contains=contains, only=caller.services)
    shown, following = page(views, limit, lambda view: view.service)
    return reply(Statuses(items=tuple(shown), next=following))


@router.get("/services/{service}", responses=answers(Status, "The service."))
async def read_status(plane: Behind, caller: Reader, service: str) -> Response:
    """What users of a service get, and its running release, else its latest one."""
    caller.need_service(service)
    return reply(await plane.control.queries.status(service))


@router.get("/services/{service}/spec", responses=answers(Service, "What is declared."))
async def read_service(plane: Behind, caller: Reader, service: str) -> Response:
    """What is declared of a service; its ETag guards changes."""
    caller.need_service(service)
    async with plane.control.state.read() as connection:
        found = _service(await services.get_service(connection, service))
    return reply(found, etag=found.etag)


@router.put("/services/{service}", responses=answers(Service, "The service as it is declared now."))
async def put_service(
    plane: Behind, caller: Operator, service: str, spec: Annotated[dict[str, Any], Body()], if_match: IfMatch = None
) -> Response:
    """Create a service or replace what is declared of it (fallbacks, timeouts, segments, overrides, unit …).

    Its stable version stays; versions move by releases.
    """
    caller.need_service(service)
    decoded = decode(Document(spec, f"services.{service}"), ServiceSpec, hook=decode_quantity)

    async def change(connection: AsyncConnection) -> Service:
        before = await services.find_service(connection, service)
        if if_match is not None and (before is None or before.version != if_match):
            raise PreconditionError(f"service {service!r} is not at version {if_match}", remedy="look again")
        await services.put_service(connection, service, decoded, actor=caller.name, at=plane.control.clock.now())
        return _service(await services.get_service(connection, service))

    made = await plane.control.state.transact(change)
    await plane.control.operations.routing_changed()
    return reply(made, etag=made.etag)


@router.get("/services/{service}/history", responses=answers(Releases, "A page of releases."))
async def read_history(
    plane: Behind, caller: Reader, service: str, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """The releases of a service, newest first."""
    caller.need_service(service)
    rows = await plane.control.queries.history(service, before=cursor, limit=limit + 1)
    shown, following = page(rows, limit, lambda row: row.id)
    return reply(Releases(items=tuple(shown), next=following))


@router.post(
    "/services/{service}/rollback",
    status_code=202,
    responses=answers(Release, "The release that ends, or the new one that leads back.", status=202),
)
async def roll_back(plane: Behind, caller: Operator, service: str, body: RollbackBody, once: Once) -> Response:
    """Bring a service back: end its running release, or release an earlier version directly; always accepted twice."""
    caller.need_service(service)
    view = await plane.control.operations.rollback(
        service, to=body.to, reason=body.reason, actor=caller.actor, idempotency=once
    )
    return reply(view, 202, etag=view.etag)


@router.get("/services/{service}/rollback", responses=answers(RollbackTargets, "Where it may return to."))
async def read_rollback_targets(plane: Behind, caller: Reader, service: str) -> Response:
    """Versions that a service may return to, the previous stable one first; nothing changes."""
    caller.need_service(service)
    return reply(await plane.control.queries.rollback_targets(service))


@router.post("/services/{service}/explain-route", responses=answers(RouteExplanation, "Which variant, and why."))
async def explain_route(plane: Behind, caller: Reader, service: str, body: RouteBody) -> Response:
    """Which variant a request would get from the routing table in force; nothing is sent and nothing changes."""
    caller.need_service(service)
    asked = AskedRoute(
        unit=body.unit,
        conversation=body.conversation,
        user=body.user,
        headers={name.lower(): value for name, value in body.headers.items()},
        metadata=body.metadata,
        key=body.key,
    )
    return reply(plane.control.queries.explain_route(service, asked))


@router.post("/services/{service}/preview", responses=answers(Preview, "What would be sent."))
async def preview(plane: Behind, caller: Reader, service: str, body: PreviewBody) -> Response:
    """The request that a version's provider would get, prompt and parameters put in; nothing is sent."""
    caller.need_service(service)
    reference = body.version or f"{service}@stable"
    return reply(await plane.control.previews.of(service, reference, body.path, body.request))


def _service(found: services.Service) -> Service:
    return Service(
        name=found.name,
        spec=plain(found.spec),
        stable=found.stable,
        previous_stable=found.previous_stable,
        created_at=found.created_at,
        etag=found.version,
    )
