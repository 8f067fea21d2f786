"""How much the processes of an installation tell in their logs."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Body
from starlette.responses import Response

from tidegate.api.plane import Admin, Behind, Reader
from tidegate.api.replies import answers, reply
from tidegate.delivery.snapshot import LogLevel
from tidegate.errors import InvalidInputError
from tidegate.shapes.logs import LogLevels

router = APIRouter(tags=["logs"])
_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)


@router.get("/log-level", responses=answers(LogLevels, "The level asked for; null as each process was started."))
async def read_log_level(plane: Behind, caller: Reader) -> Response:
    """What control and the gateways that follow it are asked to log."""
    caller.need_everything()
    return reply(LogLevels(level=plane.control.publisher.log_level))


@router.put("/log-level", responses=answers(LogLevels, "The level from now on."))
async def put_log_level(plane: Behind, caller: Admin, level: Annotated[str, Body(embed=True)]) -> Response:
    """Log `debug`, `info`, `warning` or `error` and above, at this control and within a second at its gateways.

    Until it is asked otherwise or control is restarted.
    """
    caller.need_everything()
    known = next((name for name in _LEVELS if name == level), None)
    if known is None:
        raise InvalidInputError(
            f"{level!r} is no level", code="unknown_log_level", where="level", remedy=f"use {', '.join(_LEVELS)}"
        )
    await plane.control.set_log_level(known, actor=caller.name)
    return reply(LogLevels(level=known))
