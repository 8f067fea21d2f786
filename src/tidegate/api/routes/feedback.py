"""Feedback: imported in batches, and read."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tidegate.api.plane import Behind, Cursor, Limit, Reader, Speaker
from tidegate.api.replies import answers, page, reply
from tidegate.controller.request_views import feedback_view
from tidegate.delivery.feedback import ImportedFeedback
from tidegate.errors import InvalidInputError
from tidegate.registry.feedback.reading import cursor_of, list_feedback
from tidegate.shapes.requests import AcceptedFeedback, SaidFeedbacks

router = APIRouter(tags=["feedback"])


class _Import(msgspec.Struct, forbid_unknown_fields=True):
    items: tuple[ImportedFeedback, ...]


_IMPORT = msgspec.json.Decoder(_Import)


@router.post(
    "/feedback",
    status_code=202,
    responses=answers(AcceptedFeedback, "How many were stored.", status=202),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def import_feedback(plane: Behind, caller: Speaker, request: Request) -> Response:
    """Store verdicts on answers: `{"items": [{"request_id", "name", "value", …}]}`, all of them or none.

    Each item is what a gateway takes at `POST /v1/feedback`, and may say `at`, when it was given. An
    `Idempotency-Key` makes repeating the whole harmless; without one the latest verdict of a request, name and
    source stands, so repeating it changes nothing either.
    """
    try:
        said = _IMPORT.decode(await request.body())
    except msgspec.DecodeError as error:
        raise InvalidInputError(f"the body is no import of feedback: {error}", code="bad_feedback") from None
    once = request.headers.get("idempotency-key", "")[:200]
    accepted = await plane.control.said.import_feedback(
        said.items, key=caller.name, services=caller.services, once=once
    )
    return reply(AcceptedFeedback(accepted=accepted), 202)


@router.get("/feedback", responses=answers(SaidFeedbacks, "A page of feedback."))
async def read_feedback(
    plane: Behind,
    caller: Reader,
    service: Annotated[str | None, Query(description="Only on this service's answers.")] = None,
    name: Annotated[str | None, Query(description="Only of this name.")] = None,
    source: Annotated[str | None, Query(description="Only from this source.")] = None,
    release: Annotated[str | None, Query(description="Only on this release's requests.")] = None,
    request_id: Annotated[str | None, Query(description="Only on this request.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """What users and applications said of answers, newest first."""
    async with plane.control.observed.read() as connection:
        rows = await list_feedback(
            connection,
            service=caller.scope(service),
            name=name,
            source=source,
            release=release,
            request_id=request_id,
            after=cursor,
            limit=limit + 1,
        )
    shown, following = page(rows, limit, cursor_of)
    return reply(SaidFeedbacks(items=tuple(map(feedback_view, shown)), next=following))
