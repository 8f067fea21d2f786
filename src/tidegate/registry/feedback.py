"""What users and applications said about answers: one verdict for each request, name and source, the latest.

A verdict is stored as *pending*; once the observation of its request is known it is attributed to the variant
that was assigned (intent to treat) and added to that variant's counts in the same transaction. What takes its
place later takes it out of the counts again, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.evidence.opinions import MICRO, Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.interleave import PREFERENCE
from tidegate.delivery.observation import Observation
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.records import FeedbackRecord
from tidegate.registry import votes
from tidegate.registry.hashes import to_signed, to_unsigned
from tidegate.registry.observations import Counted, CountKey, Counts, add_counts
from tidegate.registry.requests import mark_rated, read_cursor
from tidegate.registry.schema import feedback, feedback_once

NATURAL_KEY = ("request_id", "name", "source")
_UNATTRIBUTED: dict[str, Any] = {
    "release": "",
    "attempt": 0,
    "step": 0,
    "round": 0,
    "variant": "",
    "version": "",
    "served": "",
    "served_version": "",
    "counted": Counts.NONE,
    "vote": "",
}


class Standing(StrEnum):
    """How far a verdict came."""

    PENDING = "pending"  # the observation of its request is not there yet
    COUNTED = "counted"  # it counts for the variant its request was assigned to
    UNCOUNTED = "uncounted"  # its request belongs to no release, was forced, or it is words alone
    UNKNOWN = "unknown"  # no observation came in time
    FOREIGN = "foreign"  # the key does not cover the request's service


class StoredFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict, and what its request's observation said once it is known.

    Attributes:
        micro: yes is 10**6 and no is 0, a number its millionths; ``None`` for categories and words.
        category: ``yes``, ``no`` or the category; ``None`` for numbers and words.
        services: those the sender's key covers; empty for all.
        vote: on both versions' answers that rests on it, see :mod:`tidegate.registry.votes`.
    """

    id: int
    request_id: str
    name: str
    source: str
    at_us: int
    key: str
    services: tuple[str, ...]
    service: str
    unit_hash: int
    micro: int | None
    category: str | None
    comment: str
    demonstration: str
    standing: Standing
    release: str
    attempt: int
    step: int
    round: int
    variant: str
    version: str
    served: str
    served_version: str
    counted: Counts
    vote: str = ""

    @property
    def count_key(self) -> CountKey:
        """Of the counts it belongs to."""
        return self.release, self.attempt, self.step, self.round, self.variant

    @property
    def opinion(self) -> Opinions | None:
        """What it adds to counts."""
        if self.micro is None:
            return None if self.category is None else Opinions.of(self.category)
        if self.category is not None:
            return Opinions.of(bool(self.micro))
        return Opinions(count=1, total=self.micro, squares=self.micro * self.micro)

    @property
    def share(self) -> Counted:
        """Its part of the counts."""
        added, nothing = Summary(opinions={self.name: self.opinion or Opinions()}), Summary()
        return Counted(
            early=added if self.counted is Counts.EARLY else nothing,
            window=added if self.counted in {Counts.WINDOW, Counts.COMPARED} else nothing,
            compared=added if self.counted is Counts.COMPARED else nothing,
        )


async def keep_feedback(connection: AsyncConnection, records: Sequence[FeedbackRecord]) -> None:
    """Store verdicts as pending; a later one takes the place of that of the same request, name and source."""
    for record in records:
        if record.once and not await _is_first(connection, record):
            continue
        row = _row(record)
        known = await _same(connection, record.request_id, record.name, record.source) if record.request_id else None
        if known is None:
            await connection.execute(sa.insert(feedback).values(**row))
        elif known.at_us <= record.at_us:
            await uncount(connection, known)
            await connection.execute(sa.update(feedback).where(feedback.c.id == known.id).values(**row))


async def pending(connection: AsyncConnection, *, received_after_us: int, limit: int) -> list[StoredFeedback]:
    """Verdicts received after an instant whose requests are not known yet, the earliest first."""
    statement = (
        sa.select(feedback)
        .where(feedback.c.standing == Standing.PENDING, feedback.c.at_us > received_after_us)
        .order_by(feedback.c.at_us)
        .limit(limit)
    )
    return [_stored(row) for row in await connection.execute(statement)]


async def attribute(
    connection: AsyncConnection, said: StoredFeedback, row: Observation, counted: Counts, *, is_of_turns: bool = False
) -> None:
    """The request of a pending verdict is known: count it for the variant assigned.

    Args:
        is_of_turns: verdicts of this name are compared between the turns of a conversation.
        counted: the part of the counts that its request is in. The arms are compared by the first verdict of each
            unit on a name: further ones of the same unit are alike, and would make chance look like evidence.
    """
    if said.services and row.service not in said.services:
        await _settle(connection, said, Standing.FOREIGN)
        return
    if not said.request_id and not await _takes_place(connection, said, row.request_id):
        return
    counted = Counts.NONE if said.opinion is None else counted
    attributed = _attributed(said, row, counted)
    if counted is Counts.COMPARED and await _is_unit_counted(connection, attributed):
        attributed = msgspec.structs.replace(attributed, counted=Counts.WINDOW)
    await _write(connection, attributed)
    await mark_rated(connection, row.request_id)
    if counted:
        await add_counts(connection, {attributed.count_key: attributed.share})
        if is_of_turns:
            await votes.compare_turns(connection, attributed)


async def attribute_preference(
    connection: AsyncConnection, said: StoredFeedback, row: Observation, counted: Counts, pair: PairRecord
) -> None:
    """Both answers of a pending verdict are known: it is a vote on them, and counts as nothing else."""
    if said.services and row.service not in said.services:
        await _settle(connection, said, Standing.FOREIGN)
        return
    if not said.request_id and not await _takes_place(connection, said, row.request_id):
        return
    vote = votes.vote_on(pair, said)
    attributed = _attributed(said, row, Counts.NONE if vote is None else min(counted, Counts.WINDOW))
    await _write(connection, attributed)
    await mark_rated(connection, row.request_id)
    if vote is not None and attributed.counted:
        await votes.cast(connection, attributed, vote, is_placed=True)


async def give_up(connection: AsyncConnection, received_before_us: int, limit: int = 1_000) -> int:
    """Call verdicts unknown whose observation did not come; returns how many."""
    late = sa.select(feedback.c.id).where(
        feedback.c.standing == Standing.PENDING, feedback.c.at_us <= received_before_us
    )
    statement = sa.update(feedback).where(feedback.c.id.in_(late.limit(limit)))
    return (await connection.execute(statement.values(standing=Standing.UNKNOWN))).rowcount


async def forget_feedback(connection: AsyncConnection, before_us: int, chunk: int = 5_000) -> int:
    """Delete verdicts and idempotency keys from before an instant, at most ``chunk``; what they counted stays."""
    await connection.execute(sa.delete(feedback_once).where(feedback_once.c.at_us < before_us))
    old = sa.select(feedback.c.id).where(feedback.c.at_us < before_us).limit(chunk)
    return (await connection.execute(sa.delete(feedback).where(feedback.c.id.in_(old)))).rowcount


async def uncount(connection: AsyncConnection, said: StoredFeedback) -> None:
    """Take a verdict out of the counts, because another takes its place or it is erased."""
    is_placed = said.name == PREFERENCE and said.vote != ""
    if said.standing is Standing.COUNTED:
        await votes.retract(connection, said, is_placed=is_placed)
    if said.standing is Standing.COUNTED and not is_placed:
        key = said.count_key
        await add_counts(connection, {key: Counted()}, {key: said.share})


async def of_request(connection: AsyncConnection, request_id: str) -> list[StoredFeedback]:
    """Every verdict on one request, the earliest first."""
    statement = sa.select(feedback).where(feedback.c.request_id == request_id).order_by(feedback.c.at_us)
    return [_stored(row) for row in await connection.execute(statement)]


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
    return [_stored(row) for row in await connection.execute(statement)]


async def compared_feedback(
    connection: AsyncConnection, service: str, release: str, attempt: int, step: int, *, limit: int = 100_000
) -> list[StoredFeedback]:
    """The newest verdicts that compare the arms of one step."""
    where = {"service": service, "release": release, "attempt": attempt, "step": step, "counted": Counts.COMPARED}
    conditions = [feedback.c[column] == value for column, value in where.items()]
    statement = sa.select(feedback).where(*conditions).order_by(feedback.c.at_us.desc()).limit(limit)
    return [_stored(row) for row in await connection.execute(statement)]


def cursor_of(said: StoredFeedback) -> str:
    """What continues a listing after this verdict."""
    return f"{said.at_us}-{said.id}"


def _attributed(said: StoredFeedback, row: Observation, counted: Counts) -> StoredFeedback:
    return msgspec.structs.replace(
        said,
        request_id=row.request_id,
        service=row.service,
        unit_hash=row.unit_hash,
        standing=Standing.COUNTED if counted else Standing.UNCOUNTED,
        release=row.release,
        attempt=row.attempt,
        step=row.step,
        round=row.round,
        variant=row.variant,
        version=row.version,
        served=row.served,
        served_version=row.served_version,
        counted=counted,
    )


async def _is_first(connection: AsyncConnection, record: FeedbackRecord) -> bool:
    same = sa.and_(feedback_once.c.key == record.key, feedback_once.c.once == record.once)
    if await connection.scalar(sa.select(feedback_once.c.at_us).where(same)) is not None:
        return False
    await connection.execute(sa.insert(feedback_once).values(key=record.key, once=record.once, at_us=record.at_us))
    return True


async def _same(connection: AsyncConnection, request_id: str, name: str, source: str) -> StoredFeedback | None:
    same = zip(NATURAL_KEY, (request_id, name, source), strict=True)
    statement = sa.select(feedback).where(*(feedback.c[column] == value for column, value in same))
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else _stored(row)


async def _takes_place(connection: AsyncConnection, said: StoredFeedback, request_id: str) -> bool:
    """Whether a verdict by unit is the latest on the request it turns out to be about; the other one goes."""
    known = await _same(connection, request_id, said.name, said.source)
    if known is None:
        return True
    gone = said if known.at_us > said.at_us else known
    await uncount(connection, gone)
    await connection.execute(sa.delete(feedback).where(feedback.c.id == gone.id))
    return gone is known


async def _is_unit_counted(connection: AsyncConnection, said: StoredFeedback) -> bool:
    """Whether the arms are compared by another verdict of the unit on this name."""
    where = (
        feedback.c.unit_hash == to_signed(said.unit_hash),
        feedback.c.name == said.name,
        feedback.c.counted == Counts.COMPARED,
        feedback.c.release == said.release,
        feedback.c.attempt == said.attempt,
        feedback.c.step == said.step,
        feedback.c.id != said.id,
    )
    return await connection.scalar(sa.select(feedback.c.id).where(*where).limit(1)) is not None


async def _settle(connection: AsyncConnection, said: StoredFeedback, standing: Standing) -> None:
    await connection.execute(sa.update(feedback).where(feedback.c.id == said.id).values(standing=standing))


async def _write(connection: AsyncConnection, said: StoredFeedback) -> None:
    names = ("request_id", "service", "standing", *_UNATTRIBUTED)
    values = {name: getattr(said, name) for name in names} | {"unit_hash": to_signed(said.unit_hash)}
    await connection.execute(sa.update(feedback).where(feedback.c.id == said.id).values(**values))


def _row(record: FeedbackRecord) -> dict[str, object]:
    micro, category = _value(record.value)
    return {
        "request_id": record.request_id,
        "name": record.name,
        "source": record.source,
        "at_us": record.at_us,
        "key": record.key,
        "services": msgspec.json.encode(record.services).decode(),
        "service": record.service,
        "unit_hash": to_signed(record.unit_hash),
        "micro": micro,
        "category": category,
        "comment": record.comment,
        "demonstration": record.demonstration,
        "standing": Standing.PENDING,
        **_UNATTRIBUTED,
    }


def _value(value: bool | float | str | None) -> tuple[int | None, str | None]:
    if isinstance(value, bool):
        return (MICRO, "yes") if value else (0, "no")
    if value is None or isinstance(value, str):
        return None, value
    return round(value * MICRO), None


def _stored(row: sa.Row[Any]) -> StoredFeedback:
    values = dict(row._mapping)  # noqa: SLF001  # the documented way to a row's names
    services = tuple(msgspec.json.decode(values["services"]))
    values["standing"], values["counted"] = Standing(values["standing"]), Counts(values["counted"])
    return StoredFeedback(**values | {"services": services, "unit_hash": to_unsigned(values["unit_hash"])})
