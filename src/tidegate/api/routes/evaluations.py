"""Evaluations: a suite run against a version now, and what every suite and gate said."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tidegate.api.plane import Behind, Cursor, Limit, Once, Operator, Reader
from tidegate.api.replies import answers, page, reply
from tidegate.api.transactions import done_once
from tidegate.delivery.version import parse_reference
from tidegate.shapes.evaluations import Evaluation, Evaluations

router = APIRouter(tags=["evaluations"])


class EvaluationBody(BaseModel):
    """What to run against what."""

    model_config = ConfigDict(extra="forbid")
    version: str = Field(description="service/vX.Y.Z[-digest8], service@stable or sha256:….")
    suite: str = Field(description="A name under `suites` of the service.")


@router.post("/evaluations", status_code=202, responses=answers(Evaluation, "It is under way.", status=202))
async def begin_evaluation(plane: Behind, caller: Operator, body: EvaluationBody, once: Once) -> Response:
    """Run a suite of the service against a version now; nothing waits for it, and no release depends on it."""
    caller.need_service((await plane.registry.resolve(parse_reference(body.version))).service)
    control = plane.control
    begun = await done_once(
        control.state,
        control.clock,
        lambda connection: control.evaluating.begin(connection, body.version, body.suite, actor=caller.name),
        Evaluation,
        caller.name,
        once,
    )
    await control.evaluating.carry_out(begun.id)
    return reply(begun, status=202)


@router.get("/evaluations", responses=answers(Evaluations, "A page of evaluations."))
async def list_evaluations(
    plane: Behind,
    caller: Reader,
    service: Annotated[str | None, Query(description="Only this service's.")] = None,
    version: Annotated[str | None, Query(description="Only of this version, by any reference.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """What suites and gates said of versions, newest first."""
    reference = None
    if version is not None:
        found = await plane.registry.resolve(parse_reference(version))
        reference, service = found.ref, found.service
    rows = await plane.control.evaluating.evaluations(caller.scope(service), reference, before=cursor, limit=limit + 1)
    shown, following = page(rows, limit, lambda row: row.id)
    return reply(Evaluations(items=tuple(shown), next=following))


@router.get("/evaluations/{evaluation}", responses=answers(Evaluation, "The evaluation."))
async def read_evaluation(plane: Behind, caller: Reader, evaluation: str) -> Response:
    """One evaluation."""
    found = await plane.control.evaluating.evaluation(evaluation)
    caller.need_service(found.service)
    return reply(found)
