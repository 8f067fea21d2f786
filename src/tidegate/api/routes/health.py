"""Whether control lives and can work, and what it reports of itself; open to everybody who can connect."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
import structlog
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from tidegate.api.plane import Behind, Plane

router = APIRouter(tags=["health"])
_LOG = structlog.get_logger("tidegate.api")
_DATABASE_SECONDS = 2.0


@router.get("/healthz")
async def health() -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
async def readiness(plane: Behind) -> Response:
    """The database can be read and a routing table is published; 503 otherwise."""
    if plane.closing.is_set():
        return PlainTextResponse("stopping\n", 503)
    if not plane.control.publisher.is_ready:
        return PlainTextResponse("no routing table is published yet\n", 503)
    if not await _is_readable(plane):
        return PlainTextResponse("the database does not answer\n", 503)
    return PlainTextResponse("ok\n")


@router.get("/metrics")
async def telemetry(plane: Behind) -> Response:
    """Telemetry in Prometheus' text format."""
    return Response(await plane.control.telemetry_page(), media_type=CONTENT_TYPE_LATEST)


async def _is_readable(plane: Plane) -> bool:
    try:
        async with asyncio.timeout(_DATABASE_SECONDS), plane.control.state.read() as connection:
            await connection.execute(sa.text("SELECT 1"))
    except (sa.exc.SQLAlchemyError, OSError, TimeoutError) as error:
        _LOG.warning("database_unreadable", error=repr(error))
        return False
    return True
