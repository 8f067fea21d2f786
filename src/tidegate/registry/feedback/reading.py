"""Lists verdicts."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.registry.feedback.stored import FeedbackStanding, StoredFeedback, stored
from tidegate.registry.observations import Counts
from tidegate.registry.requests import read_cursor
from tidegate.registry.schema import feedback


async def of_request(connection: AsyncConnection, request_id: str) -> list[StoredFeedback]:
    """Every verdict on one request but those whose sender may not speak of it, the earliest first."""
    is_foreign = feedback.c.standing == FeedbackStanding.FOREIGN
    statement = sa.select(feedback).where(feedback.c.request_id == request_id, sa.not_(is_foreign))
    return [stored(row) for row in await connection.execute(statement.order_by(feedback.c.at_us))]


async def list_feedback(
    connection: AsyncConnection,
    *,
    service: str | None = None,
    name: str | None = None,
    source: str | None = None,
    release: str | None = None,
    request_id: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[StoredFeedback]:
    """Verdicts, newest first; ``after`` is the cursor of the last one seen.

    Raises:
        InvalidInputError: ``after`` is no cursor of this listing.
    """
    given = {"service": service, "name": name, "source": source, "release": release, "request_id": request_id}
    conditions = [feedback.c[column] == value for column, value in given.items() if value is not None]
    statement = sa.select(feedback).where(*conditions).limit(limit)
    if after is not None:
        statement = statement.where(sa.tuple_(feedback.c.at_us, feedback.c.id) < sa.tuple_(*read_cursor(after)))
    statement = statement.order_by(feedback.c.at_us.desc(), feedback.c.id.desc())
    return [stored(row) for row in await connection.execute(statement)]


async def comparing_feedback(
    connection: AsyncConnection, service: str, release: str, attempt: int, step: int, *, limit: int = 100_000
) -> list[StoredFeedback]:
    """The newest verdicts that may compare the arms of one step: of a unit and a name the first of them does."""
    where = {"service": service, "release": release, "attempt": attempt, "step": step, "counted": Counts.COMPARED}
    conditions = [feedback.c[column] == value for column, value in where.items()]
    statement = sa.select(feedback).where(*conditions).order_by(feedback.c.at_us.desc()).limit(limit)
    return [stored(row) for row in await connection.execute(statement)]


def cursor_of(said: StoredFeedback) -> str:
    """What continues a listing after this verdict."""
    return f"{said.at_us}-{said.id}"
