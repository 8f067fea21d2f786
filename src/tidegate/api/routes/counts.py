"""What a release was judged by, for whoever wants to compute its verdicts again."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from tidegate.api.plane import Behind, Reader
from tidegate.api.replies import answers, plain, reply
from tidegate.controller.results.declared import thresholds_of
from tidegate.registry import audit
from tidegate.registry.observations import read_counts
from tidegate.registry.releases import read_release
from tidegate.shapes.counts import ArmCounts, ReleaseCounts

router = APIRouter(tags=["releases"])


@router.get("/releases/{release}/counts", responses=answers(ReleaseCounts, "Thresholds and counts."))
async def read_release_counts(plane: Behind, caller: Reader, release: str) -> Response:
    """The thresholds of a release, who declared them when, and the counts of every step and variant."""
    async with plane.control.state.read() as connection:
        row = await read_release(connection, release)
        rows = await audit.list_audit(connection, subject=row.id, before=None, limit=500)
    caller.need_service(row.service)
    async with plane.control.observed.read() as connection:
        counted = (await read_counts(connection, [row.id]))[row.id]
    arms = tuple(
        ArmCounts(
            attempt=attempt,
            step=step,
            round=number,
            variant=variant,
            early=plain(found.early),
            window=plain(found.window),
            compared=plain(found.compared),
        )
        for (_, attempt, step, number, variant), found in sorted(counted.items())
    )
    declared = thresholds_of(rows[::-1])
    return reply(
        ReleaseCounts(release=row.id, service=row.service, spec=plain(row.spec), thresholds=declared, arms=arms)
    )
