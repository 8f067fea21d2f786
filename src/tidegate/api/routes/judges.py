"""Judges: how they are declared and how they fare."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from tidegate.api.plane import Behind, Reader
from tidegate.api.replies import answers, reply
from tidegate.controller.judge_views import judge_view
from tidegate.controller.judging import JudgeStanding
from tidegate.registry.judges import list_judges
from tidegate.shapes.judges import Judges

router = APIRouter(tags=["judges"])


@router.get("/judges", responses=answers(Judges, "Every judge."))
async def read_judges(plane: Behind, caller: Reader) -> Response:
    """Every judge: verdicts, agreement with people, taste for the first place, cost, and what stands in its way."""
    caller.need_everything()
    control = plane.control
    async with control.state.read() as connection:
        declared = await list_judges(connection)
    async with control.observed.read() as connection:
        found = [
            await judge_view(
                connection, name, spec, control.judging.standings.get(name, JudgeStanding()), control.clock.now()
            )
            for name, spec in declared.items()
        ]
    return reply(Judges(items=tuple(found), next=None))
