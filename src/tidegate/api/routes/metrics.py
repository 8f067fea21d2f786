"""What releases can be judged by: the table of metrics, and the kinds of sources beside it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from tidegate.api.plane import Behind, Reader
from tidegate.api.replies import answers, reply
from tidegate.delivery.drift import PREFIX, SIGNALS, index_meaning
from tidegate.delivery.evidence.metrics import TABLE, Harm, feedback_metric, judge_metric
from tidegate.metrics.kinds import known_kinds
from tidegate.shapes.metrics import Metric, Metrics

router = APIRouter(tags=["metrics"])


@router.get("/metrics", responses=answers(Metrics, "Every metric."))
async def list_metrics(_plane: Behind, _caller: Reader) -> Response:
    """Metrics that guardrails and objectives may name, and kinds of sources that give other numbers."""
    rows = (*TABLE, feedback_metric("NAME", None), judge_metric("NAME"))
    items = tuple(
        Metric(
            name=row.name,
            kind=str(row.kind),
            unit=row.unit,
            harm=str(row.harm),
            stat=row.stat,
            meaning=row.meaning,
        )
        for row in rows
    )
    drifts = tuple(
        Metric(
            name=PREFIX + signal.name,
            kind="index",
            unit="",
            harm=str(Harm.INCREASE),
            stat=None,
            meaning=index_meaning(signal),
        )
        for signal in SIGNALS
    )
    return reply(Metrics(items=(*items, *drifts), sources=tuple(known_kinds())))
