"""What counts of all that a unit says under one name, kept true while verdicts come and take each other's place.

Opinions and votes of one unit are alike, and counting all of them would make chance look like evidence. So the first
verdict alone compares the arms, and a conversation has one vote. Which of them is first depends on nothing but what
stands now, in the order in which it was first said: the counts are those of that, whatever stood there before and in
whichever order it came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.evidence.opinions import FEEDBACK
from tidegate.delivery.evidence.votes import Votes
from tidegate.delivery.snapshot import STABLE
from tidegate.registry.feedback.stored import IN_ORDER, Ballot, FeedbackStanding, StoredFeedback, stored
from tidegate.registry.feedback.votes import votes_of_pairs, votes_of_turns
from tidegate.registry.hashes import to_signed
from tidegate.registry.observations import Counted, CountKey, Counts, add_counts
from tidegate.registry.pairs import add_votes
from tidegate.registry.schema import feedback

_PLACES = frozenset({Ballot.WIN, Ballot.TIE, Ballot.LOSS})
_IS_PLACED = feedback.c.vote.in_(_PLACES)
_TURN = feedback.c.vote == Ballot.TURN
_OF_STABLE = feedback.c.variant == STABLE


class _Unit(NamedTuple):
    """A unit of a step, and the name under which it says something."""

    release: str
    attempt: int
    step: int
    unit_hash: int
    name: str
    is_early: bool


class _Told(NamedTuple):
    """What counts of everything that a unit said: the verdict that compares the arms, and its votes."""

    compared: StoredFeedback | None
    votes: Votes


async def change(connection: AsyncConnection, gone: StoredFeedback | None, said: StoredFeedback) -> None:
    """A verdict stands from now on, in the place of ``gone`` or for the first time: write and count it."""
    both = [each for each in (gone, said) if each is not None and each.is_counted]
    units, ballots = dict.fromkeys(map(_unit_of, both)), frozenset(each.vote for each in both)
    before = [await _told(connection, unit, ballots) for unit in units]
    if gone is not None and gone.id != said.id:
        await connection.execute(sa.delete(feedback).where(feedback.c.id == gone.id))
    await connection.execute(sa.update(feedback).where(feedback.c.id == said.id).values(**said.attribution))
    after = [await _told(connection, unit, ballots) for unit in units]
    await _recount(connection, _shares(gone, before), _shares(said, after))
    for unit, old, new in zip(units, before, after, strict=True):
        if old.votes != new.votes:
            key, more = (unit.release, unit.attempt, unit.step), new.votes.without(old.votes)
            await add_votes(connection, key, FEEDBACK + unit.name, more, is_sample=not unit.is_early)


async def _told(connection: AsyncConnection, unit: _Unit, ballots: frozenset[Ballot]) -> _Told:
    """Args: ballots: what the verdicts are that change; other votes of the unit do not."""
    compared = await _first(connection, unit, feedback.c.counted == Counts.COMPARED)
    if Ballot.TURN in ballots:
        turns = [await _first(connection, unit, _TURN, where) for where in (_OF_STABLE, sa.not_(_OF_STABLE))]
        return _Told(compared, votes_of_turns(*turns))
    if ballots & _PLACES:
        voted = sa.select(sa.func.count()).where(*_of(unit), _IS_PLACED)
        return _Told(
            compared, votes_of_pairs(await _first(connection, unit, _IS_PLACED), await connection.scalar(voted) or 0)
        )
    return _Told(compared, Votes())


async def _first(
    connection: AsyncConnection, unit: _Unit, *conditions: sa.ColumnElement[bool]
) -> StoredFeedback | None:
    statement = sa.select(feedback).where(*_of(unit), *conditions)
    ordered = statement.order_by(*IN_ORDER).limit(1)
    row = (await connection.execute(ordered)).one_or_none()
    return None if row is None else stored(row)


def _unit_of(said: StoredFeedback) -> _Unit:
    is_early = said.counted is Counts.EARLY
    return _Unit(said.release, said.attempt, said.step, said.unit_hash, said.name, is_early)


def _of(unit: _Unit) -> tuple[sa.ColumnElement[bool], ...]:
    """Counted verdicts of the unit, in the same part of the counts."""
    is_early = feedback.c.counted == Counts.EARLY
    return (
        feedback.c.unit_hash == to_signed(unit.unit_hash),
        feedback.c.name == unit.name,
        feedback.c.release == unit.release,
        feedback.c.attempt == unit.attempt,
        feedback.c.step == unit.step,
        feedback.c.standing == FeedbackStanding.COUNTED,
        is_early if unit.is_early else feedback.c.counted > Counts.EARLY,
    )


_Shares = dict[CountKey, Counted]


def _shares(one: StoredFeedback | None, told: Iterable[_Told]) -> _Shares:
    """What a verdict adds to the counts, and those that compare the arms."""
    found: defaultdict[CountKey, Counted] = defaultdict(Counted)
    if one is not None and one.is_counted and not one.is_placed:
        found[one.count_key] += one.own_share
    for each in told:
        if each.compared is not None:
            found[each.compared.count_key] += Counted(compared=each.compared.as_summary)
    return found


async def _recount(connection: AsyncConnection, before: _Shares, after: _Shares) -> None:
    if before != after:
        nothing = Counted()
        keys = dict.fromkeys((*before, *after))
        await add_counts(connection, {key: after.get(key, nothing) for key in keys}, before)
