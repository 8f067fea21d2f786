"""What judges said: one judgement for each request and judge, counted for the variant in the same transaction."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.evidence.metrics import JUDGE
from tidegate.delivery.evidence.opinions import MICRO, Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.evidence.votes import Vote, Votes
from tidegate.delivery.judging import LOSS, WIN, Preference
from tidegate.delivery.observation import Observation
from tidegate.delivery.pairs import copy_id
from tidegate.registry.feedback.stored import STANDS
from tidegate.registry.hashes import to_signed
from tidegate.registry.kept_content import Kept, kept_of
from tidegate.registry.observations import Counted, Counts, add_counts
from tidegate.registry.pairs import add_votes
from tidegate.registry.schema import content, feedback, judgements, pairs, requests


class Judgement(NamedTuple):
    """One verdict of a judge.

    Attributes:
        row: the request's observation, in terms of the variant that is judged.
        counted: the part of the counts it belongs to.
        micro: score in millionths.
        candidate_first, candidate_second: preference in each order, ``""`` for a score.
    """

    row: Observation
    counted: Counts
    judge: str
    judge_version: str
    at_us: int
    micro: int
    candidate_first: str = ""
    candidate_second: str = ""


class Unjudged(NamedTuple):
    """Kept texts that a judge has not seen.

    Attributes:
        kept: prompt and the user's answer.
        copied_answer: the candidate's to a mirrored request; ``None`` of requests that were not copied.
        row: the observation of the request as stored, JSON.
        counted: part of the counts that the request is in.
        pair: the mirrored pair as stored, JSON; ``None`` for requests that were not copied.
    """

    kept: Kept
    copied_answer: str | None
    row: str
    counted: int
    pair: str | None


async def unjudged(
    connection: AsyncConnection, judge: str, release: str, *, began_before_us: int, is_pair: bool, among: int
) -> list[Unjudged]:
    """Kept texts of a release that ``judge`` has not judged, newest first, at most ``among``."""
    copy = content.alias("copy")
    is_copy = content.c.request_id.like(copy_id("%"))
    known = sa.exists().where(judgements.c.request_id == content.c.request_id, judgements.c.judge == judge)
    statement = (
        sa.select(content, requests.c.row.label("observation"), requests.c.counted)
        .join(requests, requests.c.request_id == content.c.request_id)
        .where(sa.not_(is_copy), content.c.at_us < began_before_us, sa.not_(known))
        .order_by(content.c.id.desc())
        .limit(among)
    )
    if is_pair:
        of_copy = copy.c.request_id == content.c.request_id + copy_id("")
        statement = statement.join(copy, of_copy).join(pairs, pairs.c.request_id == content.c.request_id)
        statement = statement.add_columns(pairs.c.row.label("pair"), copy.c.answer.label("copied_answer"))
        statement = statement.where(pairs.c.release == release)
    else:
        statement = statement.where(requests.c.release == release, sa.text("requests.release <> ''"))
    return [_unjudged(row, is_pair=is_pair) for row in await connection.execute(statement)]


async def keep_judgement(connection: AsyncConnection, said: Judgement) -> None:
    """Store and count a judgement; the arms are compared by the first of each unit."""
    row, counted = said.row, said.counted
    is_first = bool(said.candidate_first) and not await _has_unit_voted(connection, said)
    if counted is Counts.COMPARED and await _is_unit_judged(connection, said):
        counted = Counts.WINDOW
    await connection.execute(
        sa.insert(judgements).values(
            request_id=row.request_id,
            judge=said.judge,
            judge_version=said.judge_version,
            at_us=said.at_us,
            service=row.service,
            release=row.release,
            attempt=row.attempt,
            step=row.step,
            round=row.round,
            variant=row.variant,
            unit_hash=to_signed(row.unit_hash),
            counted=int(counted),
            micro=said.micro,
            candidate_first=said.candidate_first,
            candidate_second=said.candidate_second,
        )
    )
    if counted is not Counts.NONE:
        await add_counts(connection, {_key(row): _share(said, counted)})
        if said.candidate_first:
            is_sample = counted is not Counts.EARLY
            key = row.release, row.attempt, row.step
            await add_votes(connection, key, JUDGE + said.judge, _votes(said, is_first=is_first), is_sample=is_sample)


async def pinned_version(connection: AsyncConnection, judge: str, release: str, attempt: int) -> str | None:
    """The version of the judge that judged first in this attempt: only its judgements are comparable."""
    where = (judgements.c.release == release, judgements.c.attempt == attempt, judgements.c.judge == judge)
    statement = sa.select(judgements.c.judge_version).where(*where).order_by(judgements.c.id).limit(1)
    found: str | None = await connection.scalar(statement)
    return found


async def judgements_of(connection: AsyncConnection, request_id: str) -> list[sa.RowMapping]:
    """Everything that judges said of one request."""
    statement = sa.select(judgements).where(judgements.c.request_id == request_id).order_by(judgements.c.id)
    return list((await connection.execute(statement)).mappings())


async def latest_judgements(connection: AsyncConnection, judge: str, *, limit: int = 5_000) -> list[sa.RowMapping]:
    """What a judge said lately, newest first."""
    statement = sa.select(judgements).where(judgements.c.judge == judge).order_by(judgements.c.at_us.desc())
    return list((await connection.execute(statement.limit(limit))).mappings())


async def labels_of(connection: AsyncConnection, judge: str, *, limit: int = 5_000) -> list[tuple[float, float]]:
    """``(score, label)`` of answers that people labelled from 0 to 1, by feedback of the judge's own name."""
    statement = (
        sa.select(judgements.c.micro, feedback.c.micro.label("label"))
        .join(feedback, feedback.c.request_id == judgements.c.request_id)
        .where(judgements.c.judge == judge, feedback.c.name == judge, feedback.c.micro.between(0, MICRO), STANDS)
        .order_by(judgements.c.at_us.desc())
        .limit(limit)
    )
    return [(row.micro / MICRO, row.label / MICRO) for row in await connection.execute(statement)]


async def spent_since(connection: AsyncConnection, service: str, since_us: int) -> tuple[int, int]:
    """Nano-USD that a service has cost since an instant, and how many of its requests have no known cost."""
    cost = requests.c.cost_nano_usd
    statement = sa.select(
        sa.func.coalesce(sa.func.sum(sa.case((cost > 0, cost), else_=0)), 0),
        sa.func.coalesce(sa.func.sum(sa.case((cost < 0, 1), else_=0)), 0),
    ).where(requests.c.service == service, requests.c.started_at_us >= since_us, requests.c.outcome == "ok")
    spent, unknown = (await connection.execute(statement)).one()
    return int(spent), int(unknown)


async def _has_unit_voted(connection: AsyncConnection, said: Judgement) -> bool:
    """Whether a pair of the same unit was judged before, in the same part of the counts."""
    row, is_early = said.row, said.counted is Counts.EARLY
    where = (
        judgements.c.release == row.release,
        judgements.c.attempt == row.attempt,
        judgements.c.judge == said.judge,
        judgements.c.step == row.step,
        judgements.c.unit_hash == to_signed(row.unit_hash),
        judgements.c.counted == Counts.EARLY if is_early else judgements.c.counted > Counts.EARLY,
    )
    return await connection.scalar(sa.select(judgements.c.id).where(*where).limit(1)) is not None


async def _is_unit_judged(connection: AsyncConnection, said: Judgement) -> bool:
    row = said.row
    where = (
        judgements.c.release == row.release,
        judgements.c.attempt == row.attempt,
        judgements.c.judge == said.judge,
        judgements.c.step == row.step,
        judgements.c.unit_hash == to_signed(row.unit_hash),
        judgements.c.counted == Counts.COMPARED,
    )
    return await connection.scalar(sa.select(judgements.c.id).where(*where).limit(1)) is not None


def _key(row: Observation) -> tuple[str, int, int, int, str]:
    return row.release, row.attempt, row.step, row.round, row.variant


def _share(said: Judgement, counted: Counts) -> Counted:
    one = Opinions(count=1, total=said.micro, squares=said.micro * said.micro)
    added, nothing = Summary(opinions={JUDGE + said.judge: one}), Summary()
    return Counted(
        early=added if counted is Counts.EARLY else nothing,
        window=added if counted in {Counts.WINDOW, Counts.COMPARED} else nothing,
        compared=added if counted is Counts.COMPARED else nothing,
    )


def _votes(said: Judgement, *, is_first: bool) -> Votes:
    """A judge's vote on a pair, and which places it preferred; the first of each unit decides."""
    if not is_first:
        return Votes(repeated=1)
    places = (Preference(said.candidate_first), Preference(said.candidate_second))
    return Votes.of(
        {WIN: Vote.WIN, LOSS: Vote.LOSS}.get(said.micro, Vote.TIE),
        first=places.count(Preference.FIRST),
        second=places.count(Preference.SECOND),
    )


def _unjudged(row: sa.Row[Any], *, is_pair: bool) -> Unjudged:
    copied, pair = (row.copied_answer, row.pair) if is_pair else (None, None)
    return Unjudged(kept_of(row), copied, row.observation, row.counted, pair)
