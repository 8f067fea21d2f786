"""How judges fare, in the public shape."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.judging import JudgeStanding
from tidegate.delivery.judging import TIE, JudgeSpec, Preference, calibrate, position_bias
from tidegate.delivery.quantities import encode_quantity
from tidegate.registry.judgements import labels_of, latest_judgements, spent_since
from tidegate.shapes.judges import Judge, JudgeCalibration

_MICRO = 1_000_000


async def judge_view(
    connection: AsyncConnection, name: str, spec: JudgeSpec, standing: JudgeStanding, now: datetime
) -> Judge:
    """One judge, from its latest verdicts.

    Args:
        connection: to the database of observations.
        standing: of this process.
    """
    said = await latest_judgements(connection, name)
    pairs = [row for row in said if row["candidate_first"]]
    orders = [(Preference(row["candidate_first"]), Preference(row["candidate_second"])) for row in pairs]
    found = calibrate(await labels_of(connection, name))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    spent, _ = await spent_since(connection, spec.service, int(midnight.timestamp() * _MICRO))
    return Judge(
        name=name,
        spec=msgspec.to_builtins(spec, enc_hook=encode_quantity),
        judged=len(said),
        versions=dict(Counter(row["judge_version"] for row in said)),
        mean=sum(row["micro"] for row in said) / len(said) / _MICRO if said else None,
        ties=sum(row["micro"] == TIE for row in pairs) / len(pairs) if pairs else None,
        position_bias=position_bias(orders),
        calibration=None if found is None else JudgeCalibration(**found._asdict()),
        failed=standing.failed,
        problem=standing.problem,
        spent_usd=spent / 1e9,
    )
