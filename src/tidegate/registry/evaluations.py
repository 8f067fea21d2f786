"""Evaluations: what gates and suites said of a version before traffic, attached to it outside its digest."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.gates import GateResult
from tidegate.errors import NotFoundError
from tidegate.registry.instants import from_optional, from_text, to_text
from tidegate.registry.schema import evaluations


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a gate was asked about a version.

    Attributes:
        key: of the question; asked again under the same key, the later answer replaces the earlier one.
        name: the suite's, or the gate's in its release file.
        kind: ``command`` or ``http``.
        release, attempt: whose gate it was; "" and 0 where somebody asked for it.
        actor: who asked.
        expires_at: without an answer by then there will be none.
        verdict: ``None`` until it is answered; ``code`` and ``sentence`` say why.
    """

    id: str
    key: str
    service: str
    version: str
    name: str
    kind: str
    release: str
    attempt: int
    actor: str
    started_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    verdict: str | None = None
    code: str = ""
    sentence: str = ""
    score: float | None = None
    samples: int | None = None
    excerpt: str = ""


def answered(evaluation: Evaluation, result: GateResult, at: datetime) -> Evaluation:
    """The evaluation with what was said."""
    return msgspec.structs.replace(
        evaluation,
        ended_at=at,
        verdict=str(result.verdict),
        code=result.code,
        sentence=result.sentence,
        score=result.score,
        samples=result.samples,
        excerpt=result.excerpt,
    )


async def put_evaluation(connection: AsyncConnection, evaluation: Evaluation) -> None:
    """Store it, in the place of an earlier one with its key."""
    values = msgspec.structs.asdict(evaluation)
    values |= {name: to_text(values[name]) for name in ("started_at", "expires_at")}
    values["ended_at"] = None if evaluation.ended_at is None else to_text(evaluation.ended_at)
    await connection.execute(sa.delete(evaluations).where(evaluations.c.key == evaluation.key))
    await connection.execute(sa.insert(evaluations).values(values))


async def get_evaluation(connection: AsyncConnection, identifier: str) -> Evaluation:
    """One of them.

    Raises:
        NotFoundError: there is none.
    """
    found = await connection.execute(sa.select(evaluations).where(evaluations.c.id == identifier))
    row = found.mappings().first()
    if row is None:
        raise NotFoundError(f"there is no evaluation {identifier!r}", code="unknown_evaluation")
    return _evaluation(row)


async def list_evaluations(
    connection: AsyncConnection,
    *,
    service: str | None = None,
    version: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Evaluation]:
    """At most ``limit`` of them, newest first, of everything or narrowed down."""
    statement = sa.select(evaluations).order_by(evaluations.c.id.desc()).limit(limit)
    wanted = {"service": service, "version": version}
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(evaluations.c[name] == value)
    if before is not None:
        statement = statement.where(evaluations.c.id < before)
    return [_evaluation(row) for row in (await connection.execute(statement)).mappings()]


def _evaluation(row: RowMapping) -> Evaluation:
    instants = {name: from_text(row[name]) for name in ("started_at", "expires_at")}
    return Evaluation(**{**row, **instants, "ended_at": from_optional(row["ended_at"])})
