"""Votes on both versions' answers: cast and taken back in the transaction that stores what was said.

A vote stands on the verdict it came from, and is counted with the pairs of its step (:mod:`tidegate.registry.pairs`).
A conversation has one: the first that comes. Another verdict in its place takes the vote back, exactly, and casts anew.

- Two answers shown side by side: the verdict names the preferred one by its place, or neither.
- Alternating turns: the first verdict on a turn of each version; the higher one wins. Which version came first in a
  conversation is random, so of equal versions either is as likely to be higher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.evidence.opinions import FEEDBACK, MICRO
from tidegate.delivery.evidence.votes import Vote, Votes
from tidegate.delivery.observation import FAILURES
from tidegate.delivery.pairs import PairRecord
from tidegate.registry.hashes import to_signed
from tidegate.registry.observations import Counts
from tidegate.registry.pairs import add_votes
from tidegate.registry.schema import feedback

if TYPE_CHECKING:
    from tidegate.registry.feedback import StoredFeedback

NEITHER = frozenset({"tie", "neither", "both"})
"""Words that prefer none of two answers."""
_REPEATED = "repeated"


def vote_on(pair: PairRecord, said: StoredFeedback) -> Vote | None:
    """What a verdict on two answers shown side by side says of the candidate's; ``None`` where one of them was missing,
    or it names no place."""
    if not FAILURES.isdisjoint((pair.stable.assigned_outcome, pair.candidate.assigned_outcome)):
        return None
    if said.category is not None:
        return Vote.TIE if said.category in NEITHER else None
    if said.micro not in {0, MICRO}:
        return None
    return Vote.WIN if pair.shown[said.micro // MICRO] == pair.candidate.variant else Vote.LOSS


async def cast(connection: AsyncConnection, said: StoredFeedback, vote: Vote, *, is_placed: bool) -> None:
    """Count a vote for the step of its request, or as one more of a conversation that has voted.

    Args:
        is_placed: whether its verdict names the place of an answer.
    """
    is_first = await connection.scalar(sa.select(feedback.c.id).where(*_voted(said)).limit(1)) is None
    stored = str(vote) if is_first else _REPEATED
    await connection.execute(sa.update(feedback).where(feedback.c.id == said.id).values(vote=stored))
    await _count(connection, said, _counted(stored, said.micro if is_placed else None))


async def compare_turns(connection: AsyncConnection, said: StoredFeedback) -> None:
    """Cast the conversation's vote once both versions' turns were spoken of; it has only one."""
    if await connection.scalar(sa.select(feedback.c.id).where(*_voted(said)).limit(1)) is not None:
        return
    firsts: dict[str, int] = {}
    statement = sa.select(feedback.c.variant, feedback.c.micro).where(
        *_of_conversation(said), feedback.c.standing == "counted", feedback.c.micro.is_not(None)
    )
    for row in await connection.execute(statement.order_by(feedback.c.at_us, feedback.c.id)):
        firsts.setdefault(row.variant, row.micro)
    stable = firsts.pop("stable", None)
    if stable is None or not firsts:
        return
    (candidate,) = firsts.values()
    vote = Vote.TIE if candidate == stable else Vote.WIN if candidate > stable else Vote.LOSS
    await cast(connection, said, vote, is_placed=False)


async def retract(connection: AsyncConnection, said: StoredFeedback, *, is_placed: bool) -> None:
    """Take back the vote that rests on a verdict: its own, or of turns the one of its conversation."""
    where = (feedback.c.id == said.id,) if is_placed else _of_conversation(said)
    statement = sa.select(feedback.c.id, feedback.c.vote, feedback.c.micro).where(*where, feedback.c.vote != "")
    for row in (await connection.execute(statement)).all():
        taken = _counted(row.vote, row.micro if is_placed else None)
        await _count(connection, said, Votes().without(taken))
        await connection.execute(sa.update(feedback).where(feedback.c.id == row.id).values(vote=""))


def _counted(vote: str, micro: int | None) -> Votes:
    if vote == _REPEATED:
        return Votes(repeated=1)
    is_decided = vote != Vote.TIE and micro is not None
    return Votes.of(Vote(vote), first=int(is_decided and micro == 0), second=int(is_decided and micro != 0))


async def _count(connection: AsyncConnection, said: StoredFeedback, votes: Votes) -> None:
    key = said.release, said.attempt, said.step
    await add_votes(connection, key, FEEDBACK + said.name, votes, is_sample=said.counted is not Counts.EARLY)


def _of_conversation(said: StoredFeedback) -> tuple[sa.ColumnElement[Any], ...]:
    """Verdicts of this name on requests of the same conversation, in the same part of the counts."""
    is_early = feedback.c.counted == Counts.EARLY
    return (
        feedback.c.unit_hash == to_signed(said.unit_hash),
        feedback.c.name == said.name,
        feedback.c.release == said.release,
        feedback.c.attempt == said.attempt,
        feedback.c.step == said.step,
        is_early if said.counted is Counts.EARLY else feedback.c.counted > Counts.EARLY,
    )


def _voted(said: StoredFeedback) -> tuple[sa.ColumnElement[Any], ...]:
    return (*_of_conversation(said), feedback.c.vote.in_([str(vote) for vote in Vote]), feedback.c.id != said.id)
