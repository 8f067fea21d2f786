"""The request of a pending verdict is known: it counts for the variant assigned (intent to treat), or for nobody.

Nothing that stands is touched before it is known that the sender's key covers the request's service.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.observation import Observation
from tidegate.delivery.pairs import PairRecord
from tidegate.registry.feedback.standing import change
from tidegate.registry.feedback.stored import STANDS, Ballot, FeedbackStanding, StoredFeedback, stored
from tidegate.registry.feedback.votes import vote_on
from tidegate.registry.observations import Counts
from tidegate.registry.requests import mark_rated
from tidegate.registry.schema import feedback


async def attribute(
    connection: AsyncConnection, said: StoredFeedback, row: Observation, counted: Counts, *, is_of_turns: bool = False
) -> None:
    """Count a verdict for the variant assigned.

    Args:
        is_of_turns: verdicts of this name are compared between the turns of a conversation.
        counted: the part of the counts that its request is in.
    """
    counted = Counts.NONE if said.opinion is None else counted
    vote = Ballot.TURN if is_of_turns and counted and said.micro is not None else Ballot.NONE
    await _settle(connection, said, said.attributed(row, counted, vote))


async def attribute_preference(
    connection: AsyncConnection, said: StoredFeedback, row: Observation, counted: Counts, pair: PairRecord
) -> None:
    """Both answers of a verdict are known: it is a vote on them, and counts as nothing else."""
    vote = vote_on(pair, said)
    counted = Counts.NONE if vote is Ballot.NONE else min(counted, Counts.WINDOW)
    await _settle(connection, said, said.attributed(row, counted, vote if counted else Ballot.NONE))


async def _settle(connection: AsyncConnection, said: StoredFeedback, now: StoredFeedback) -> None:
    """Let a verdict stand as ``now``, unless its sender may not speak of the request or another one is the latest."""
    if not said.covers(now.service):
        foreign = sa.update(feedback).where(feedback.c.id == said.id).values(standing=FeedbackStanding.FOREIGN)
        await connection.execute(foreign)
        return
    known = await _known(connection, now)
    if known is None:
        await change(connection, None, now)
    else:
        since_us = min(known.since_us, now.since_us)
        latest = now if known.at_us <= now.at_us else known
        if latest is known:
            await connection.execute(sa.delete(feedback).where(feedback.c.id == now.id))
        await change(connection, known, msgspec.structs.replace(latest, since_us=since_us))
    await mark_rated(connection, now.request_id)


async def _known(connection: AsyncConnection, said: StoredFeedback) -> StoredFeedback | None:
    """What stands of the same request, name and source."""
    statement = sa.select(feedback).where(
        feedback.c.request_id == said.request_id,
        feedback.c.name == said.name,
        feedback.c.source == said.source,
        STANDS,
        feedback.c.id != said.id,
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else stored(row)
