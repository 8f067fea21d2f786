"""How the evidence of a release grew: what each analysis said, thinned out as it becomes history.

Replaceable data for pictures: decisions never read it. A release keeps its newest analyses all, and of the older
ones ever fewer, so that a picture of an hour and one of a week take the same room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.release import CANDIDATE, MetricVerdict, ReleaseState
from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import verdicts

MOST_ANALYSES = 240  # of one attempt
NEWEST_ANALYSES = 60  # that are never thinned


class JudgedMetric(msgspec.Struct, frozen=True, array_like=True):
    """What one analysis said of one metric; the fields of :class:`tidegate.delivery.release.MetricVerdict` that change."""

    metric: str
    code: str
    verdict: str
    limit: float
    samples: int
    estimate: float | None
    lower: float | None
    upper: float | None
    stable_samples: int
    stable_estimate: float | None
    effect: float | None
    effect_lower: float | None
    effect_upper: float | None
    variant: str = CANDIDATE

    @classmethod
    def of(cls, verdict: MetricVerdict) -> JudgedMetric:
        """What is worth keeping of a verdict."""
        return cls(*(getattr(verdict, name) for name in cls.__struct_fields__))


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """One analysis of a release.

    Attributes:
        weight: basis points of the candidate at that time.
    """

    release: str
    attempt: int
    at: datetime
    step: int
    weight: int
    metrics: tuple[JudgedMetric, ...]

    @classmethod
    def of(cls, state: ReleaseState) -> Analysis | None:
        """The newest analysis of a release, if there was one."""
        if state.analysed_at is None or not state.verdicts:
            return None
        return cls(
            release=state.id,
            attempt=state.attempt,
            at=state.analysed_at,
            step=state.step,
            weight=state.weight,
            metrics=tuple(map(JudgedMetric.of, state.verdicts)),
        )


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(tuple[JudgedMetric, ...])


async def add_analyses(connection: AsyncConnection, analyses: Iterable[Analysis]) -> None:
    """Keep these, and thin out what their attempts have too many of."""
    added = list(analyses)
    for release, attempt in {(each.release, each.attempt) for each in added}:
        known = set(await _instants(connection, release, attempt))
        fresh = {to_text(each.at): each for each in added if (each.release, each.attempt) == (release, attempt)}
        rows = [_row(each) for at, each in fresh.items() if at not in known]
        if rows:
            await connection.execute(sa.insert(verdicts), rows)
        superfluous = thinned(sorted(known | fresh.keys()))
        if superfluous:
            gone = sa.and_(_of_attempt(release, attempt), verdicts.c.at.in_(superfluous))
            await connection.execute(sa.delete(verdicts).where(gone))


def thinned(instants: Sequence[str]) -> list[str]:
    """What to forget of an attempt's analyses, oldest first: every second of those that are not new."""
    return [] if len(instants) <= MOST_ANALYSES else list(instants[1:-NEWEST_ANALYSES:2])


async def read_analyses(connection: AsyncConnection, release: str, attempt: int) -> list[Analysis]:
    """What is kept of an attempt, oldest first."""
    statement = sa.select(verdicts).where(_of_attempt(release, attempt)).order_by(verdicts.c.at)
    return [
        Analysis(
            release=release,
            attempt=attempt,
            at=from_text(row.at),
            step=row.step,
            weight=row.weight,
            metrics=_DECODER.decode(row.verdicts),
        )
        for row in await connection.execute(statement)
    ]


async def forget_analyses(connection: AsyncConnection, before: datetime) -> int:
    """Forget those made before an instant; returns how many."""
    return (await connection.execute(sa.delete(verdicts).where(verdicts.c.at < to_text(before)))).rowcount


async def _instants(connection: AsyncConnection, release: str, attempt: int) -> list[str]:
    return list(await connection.scalars(sa.select(verdicts.c.at).where(_of_attempt(release, attempt))))


def _of_attempt(release: str, attempt: int) -> sa.ColumnElement[bool]:
    return sa.and_(verdicts.c.release == release, verdicts.c.attempt == attempt)


def _row(analysis: Analysis) -> dict[str, object]:
    return {
        "release": analysis.release,
        "attempt": analysis.attempt,
        "at": to_text(analysis.at),
        "step": analysis.step,
        "weight": analysis.weight,
        "verdicts": _ENCODER.encode(analysis.metrics).decode(),
    }
