"""What came out of experiments, at any time and after their end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from tidegate.api.plane import Behind, Reader
from tidegate.api.replies import answers, reply
from tidegate.controller.results.segments import Division
from tidegate.shapes.experiments import Results, SegmentedResults

router = APIRouter(tags=["releases"])
By = Annotated[Division, Query(description="How units are divided: by segment, key, path, or whether it streams.")]


@router.get("/releases/{release}/results", responses=answers(Results, "Arms, effects, and what follows."))
async def read_results(plane: Behind, caller: Reader, release: str) -> Response:
    """Where an experiment stands; looking changes nothing of what the numbers mean."""
    found = await plane.control.experiments.results(release)
    caller.need_service(found.service)
    return reply(found)


@router.get(
    "/releases/{release}/results/segments", responses=answers(SegmentedResults, "The objectives in each segment.")
)
async def read_results_by_segment(plane: Behind, caller: Reader, release: str, by: By = "segment") -> Response:
    """The same among the units of each segment: to look into, not to decide by."""
    found = await plane.control.experiments.by_segment(release, by)
    caller.need_service(found.service)
    return reply(found)
