"""Declaring things in bulk."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tidegate.api.applying import apply_documents
from tidegate.api.caller import Caller
from tidegate.api.plane import Behind, Operator
from tidegate.api.replies import answers, reply, told
from tidegate.api.routes.providers import held_in_memory
from tidegate.controller.applying import DeclaredChange
from tidegate.documents import Document
from tidegate.shapes.versions import Applied, AppliedChange

router = APIRouter(tags=["apply"])


class ApplyBody(BaseModel):
    """What to declare."""

    model_config = ConfigDict(extra="forbid")
    documents: list[dict[str, Any]] = Field(
        description="Of `kind` Service, Provider, Bundle or Release, or without `kind` a whole configuration.",
        max_length=1000,
    )
    dry_run: bool = Field(default=False, description="Only say what would change.")


@router.post("/apply", responses=answers(Applied, "What became of each."))
async def apply(plane: Behind, caller: Operator, body: ApplyBody) -> Response:
    """Create or update what documents declare: all of them or none, and nothing twice.

    An inline `stable` gives a service its first version, v1.0.0; when it later differs from the running one the
    change says `differs` and nothing happens: versions move by releases. Providers and keys that would change need
    the role admin. Repeating it changes nothing, so an `Idempotency-Key` is not needed.
    """
    caller.need_everything()
    documents = [Document(value, f"documents[{index}]") for index, value in enumerate(body.documents)]
    changes = await apply_documents(
        plane.control,
        plane.registry.artifacts,
        documents,
        actor=caller.name,
        allow=lambda change: _allow(caller, change),
        dry_run=body.dry_run,
    )
    if not body.dry_run:
        await plane.control.operations.routing_changed()
    written = [each.name for each in changes if each.kind == "Provider" and each.is_effective]
    return reply(
        Applied(
            changes=tuple(told(AppliedChange, each) for each in changes),
            is_dry_run=body.dry_run,
            warnings=() if body.dry_run else held_in_memory(plane, written),
        )
    )


def _allow(caller: Caller, change: DeclaredChange) -> None:
    if change.kind in {"Provider", "Key"}:
        caller.need("administer")
