"""What came out of experiments, at any time and after their end."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from tidegate.api.caller import Caller
from tidegate.api.plane import Behind, Reader
from tidegate.api.replies import answers, reply
from tidegate.api.tables import or_table, table
from tidegate.controller.results.segments import Division
from tidegate.shapes.effect_rows import EffectRow, effect_rows
from tidegate.shapes.experiments import Results, SegmentedResults

router = APIRouter(tags=["releases"])
By = Annotated[Division, Query(description="How units are divided: by segment, key, path, or whether it streams.")]
Form = Annotated[
    Literal["json", "csv"], Query(alias="format", description="How it is written; csv has a row for each effect.")
]


@router.get("/releases/{release}/results", responses=or_table(answers(Results, "Arms, effects, and what follows.")))
async def read_results(plane: Behind, caller: Reader, release: str, form: Form = "json") -> Response:
    """Where an experiment stands; looking changes nothing of what the numbers mean."""
    return _told(caller, await plane.control.experiments.results(release), form)


@router.get(
    "/releases/{release}/results/segments",
    responses=or_table(answers(SegmentedResults, "The objectives in each segment.")),
)
async def read_results_by_segment(
    plane: Behind, caller: Reader, release: str, by: By = "segment", form: Form = "json"
) -> Response:
    """The same among the units of each segment: to look into, not to decide by."""
    return _told(caller, await plane.control.experiments.by_segment(release, by), form)


def _told(caller: Caller, found: Results | SegmentedResults, form: str) -> Response:
    caller.need_service(found.service)
    return table(EffectRow, effect_rows(found)) if form == "csv" else reply(found)
