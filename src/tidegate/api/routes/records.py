"""Records: the audit log, gateways and freezes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tidegate.api.caller import Caller
from tidegate.api.plane import Behind, Cursor, Limit, Operator, Plane, Reader, is_count
from tidegate.api.replies import answers, page, reply, told
from tidegate.controller.views import freeze_view
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.registry import audit
from tidegate.registry.freezes import EVERYTHING, list_freezes
from tidegate.shapes.audit import AuditCheck, AuditRow, AuditRows
from tidegate.shapes.gateways import Gateways
from tidegate.shapes.releases import Freeze, Freezes

router = APIRouter(tags=["records"])
ServiceFilter = Annotated[str | None, Query(description="Only this service's.")]


class FreezeBody(BaseModel):
    """Why everything stands still."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(description="For those who find it.")


@router.get("/audit", responses=answers(AuditRows, "A page of the audit log."))
async def list_audit(
    plane: Behind,
    caller: Reader,
    subject: Annotated[str | None, Query(description="Only rows of this thing.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Who changed what, newest first."""
    caller.need_everything()
    if cursor is not None and not is_count(cursor):
        raise InvalidInputError(f"{cursor!r} is not a cursor", where="cursor", remedy="send it as it came")
    before = None if cursor is None else int(cursor)
    async with plane.control.state.read() as connection:
        rows = await audit.list_audit(connection, subject=subject, before=before, limit=limit + 1)
    shown, following = page(rows, limit, lambda row: str(row.seq))
    return reply(AuditRows(items=tuple(told(AuditRow, row) for row in shown), next=following))


@router.get("/audit/verify", responses=answers(AuditCheck, "Whether the chain is whole."))
async def verify_audit(
    plane: Behind,
    caller: Reader,
    seq: Annotated[int | None, Query(ge=1, le=10**18, description="Number of a row that was noted earlier …")] = None,
    hash_: Annotated[str | None, Query(alias="hash", description="… and its hash: shows a cut tail.")] = None,
) -> Response:
    """Compute the hash chain of the audit log again."""
    caller.need_everything()
    known = audit.Head(seq, hash_) if seq is not None and hash_ is not None else None
    async with plane.control.state.read() as connection:
        found = await audit.verify(connection, known)
    return reply(
        AuditCheck(
            rows=found.rows,
            head_seq=found.head.seq,
            head_hash=found.head.hash,
            broken_seq=found.broken_seq,
            reason=found.reason,
            is_whole=found.is_whole,
        )
    )


@router.get("/gateways", responses=answers(Gateways, "Every gateway."))
async def list_gateways(plane: Behind, caller: Reader) -> Response:
    """Every gateway heard of lately, from its last heartbeat."""
    caller.need_everything()
    return reply(Gateways(items=tuple(plane.control.queries.gateways()), next=None))


@router.get("/freezes", responses=answers(Freezes, "Every freeze."))
async def read_freezes(plane: Behind, caller: Reader) -> Response:
    """Every freeze, by scope."""
    return reply(await _freezes(plane, caller))


@router.get("/freezes/{scope}", responses=answers(Freeze, "The freeze."))
async def read_freeze(plane: Behind, caller: Reader, scope: str) -> Response:
    """The freeze of exactly this scope: a service, or `*`."""
    return reply(await _freeze(plane, caller, scope))


@router.put("/freezes/{scope}", responses=answers(Freeze, "The freeze; the first reason stands."))
async def freeze(plane: Behind, caller: Operator, scope: str, body: FreezeBody) -> Response:
    """Send a service, or with `*` every service, to stable and stop all forward movement."""
    _need_scope(caller, scope)
    await plane.control.operations.freeze(scope, actor=caller.actor, reason=body.reason)
    return reply(await _freeze(plane, caller, scope))


@router.delete("/freezes/{scope}", responses=answers(Freezes, "The freezes that remain."))
async def unfreeze(
    plane: Behind, caller: Operator, scope: str, reason: Annotated[str, Query(description="For the record.")] = ""
) -> Response:
    """Lift exactly that freeze; lifting what is not there changes nothing."""
    _need_scope(caller, scope)
    await plane.control.operations.unfreeze(scope, actor=caller.actor, reason=reason)
    return reply(await _freezes(plane, caller))


def _need_scope(caller: Caller, scope: str) -> None:
    if scope == EVERYTHING:
        caller.need_everything()
    else:
        caller.need_service(scope)


async def _freezes(plane: Plane, caller: Caller) -> Freezes:
    async with plane.control.state.read() as connection:
        found = await list_freezes(connection)
    seen = [each for each in found if not caller.services or each.scope in {*caller.services, EVERYTHING}]
    return Freezes(items=tuple(freeze_view(each) for each in seen), next=None)


async def _freeze(plane: Plane, caller: Caller, scope: str) -> Freeze:
    found = next((each for each in (await _freezes(plane, caller)).items if each.scope == scope), None)
    if found is None:
        raise NotFoundError(f"{scope!r} is not frozen", code="not_frozen")
    return found
