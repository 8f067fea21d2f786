"""What became of a service, and whether its versions still behave as on their first day."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from tidegate.api.plane import Behind, Reader
from tidegate.api.replies import answers, reply
from tidegate.controller.reports import service_pages
from tidegate.shapes.reports import ServiceDrift

router = APIRouter(tags=["reports"])
_LONGEST_SECONDS = 400 * 86_400
_PAGE_POLICY = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}


@router.get(
    "/services/{service}/report",
    responses={
        200: {
            "description": "The report.",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ServiceReport"}},
                "text/markdown": {"schema": {"type": "string"}},
                "text/html": {"schema": {"type": "string"}},
            },
        }
    },
)
async def report_service(
    plane: Behind,
    caller: Reader,
    service: str,
    last_seconds: Annotated[int, Query(ge=60, le=_LONGEST_SECONDS, description="How far back.")] = 7 * 86_400,
    format: Annotated[  # noqa: A002 - the parameter's name
        Literal["json", "markdown", "html"], Query(description="How it is written; html has pictures inside.")
    ] = "json",
) -> Response:
    """Versions, releases, incidents, quality, cost and tokens of a service in the time up to now."""
    caller.need_service(service)
    found = await plane.control.reports.read(service, last=timedelta(seconds=last_seconds))
    if format == "markdown":
        return PlainTextResponse(service_pages.markdown(found), media_type="text/markdown; charset=utf-8")
    if format == "html":
        return HTMLResponse(service_pages.html(found), headers=_PAGE_POLICY)
    return reply(found)


@router.get("/services/{service}/drift", responses=answers(ServiceDrift, "Each version with requests in the last day."))
async def read_drift(
    plane: Behind,
    caller: Reader,
    service: str,
    version: Annotated[str | None, Query(description="Only this one, by its full reference.")] = None,
) -> Response:
    """Whether versions behave as on their own first day: lengths and speed of answers, refusals, truncation."""
    caller.need_service(service)
    await plane.control.queries.status(service)  # an unknown one is told so
    return reply(await plane.control.drift.of_service(service, version=version))
