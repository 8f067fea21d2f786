"""Plans: what a release would take and could detect, before anything moves."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tidegate.api.plane import Behind, Plane, Reader
from tidegate.api.replies import answers, reply
from tidegate.controller.planning import AskedSchedule
from tidegate.delivery.planning.assumed import AssumeSpec
from tidegate.delivery.planning.planned import Planned
from tidegate.delivery.quantities import decode_quantity
from tidegate.delivery.release_file import parse_release
from tidegate.documents import Document
from tidegate.errors import InvalidInputError

router = APIRouter(tags=["plan"])


class PlanBody(BaseModel):
    """What is to be released, and what to reckon with."""

    model_config = ConfigDict(extra="forbid")
    service: str
    version: str = Field(description="Any reference to the candidate; vX.Y.Z is enough.")
    spec: dict[str, Any] | None = Field(
        None, description="The rest of a `kind: Release` document; a canary with its defaults without it."
    )
    assume: dict[str, Any] | None = Field(
        None,
        description="What overrules history or stands in for it: requests_per_hour, requests_per_unit, rates, latency, "
        "ttft, tpot, cost_per_request, output_tokens ({median, sigma}), input_tokens, streams.",
    )
    power: float = Field(0.8, ge=0.5, lt=1, description="Probability of finding what is called detectable.")
    detect: str | None = Field(None, description="A harm to find, such as `p95 +10%`: proposes a schedule.")
    confidence: float = Field(0.95, ge=0.5, lt=1, description="Of the proposed schedule.")
    within_seconds: float | None = Field(None, gt=0, description="How long the proposed schedule may take.")


@router.post("/plan", responses=answers(Planned, "The plan; `refusals` say why the release should not start."))
async def plan_release(plane: Behind, caller: Reader, body: PlanBody) -> Response:
    """Reckon what a release would take and could detect: nothing is changed.

    For each step and metric: the smallest harm it finds, the requests and time until an equal candidate passes, and
    what cannot be decided in the planned time; for the whole: requests, tokens and money exposed. From history where
    there is some, else from what is assumed.
    """
    caller.need_service(body.service)
    return reply(await _planned(plane, body))


async def _planned(plane: Plane, body: PlanBody) -> Planned:
    named = {"service": body.service, "version": body.version}
    declared = {"strategy": "canary"} if body.spec is None else body.spec
    reserved = sorted({"kind", "service", "version"} & set(declared))
    if reserved:
        raise InvalidInputError(
            f"spec repeats {reserved[0]!r}", where=f"spec.{reserved[0]}", remedy="service and version stand beside spec"
        )
    spec = parse_release(Document({"kind": "Release", **declared, **named}, "spec"))
    target = None
    if body.detect is not None:
        target = AskedSchedule(
            detect=body.detect, confidence=body.confidence, power=body.power, within_seconds=body.within_seconds
        )
    return await plane.control.planner.plan(spec, _assumed(body.assume or {}), power=body.power, target=target)


def _assumed(given: dict[str, Any]) -> AssumeSpec:
    try:
        return msgspec.convert(given, AssumeSpec, dec_hook=decode_quantity)
    except msgspec.ValidationError as error:
        known = ", ".join(AssumeSpec.__struct_fields__)
        raise InvalidInputError(str(error), where="assume", remedy=f"known keys: {known}") from None
