"""Pairs of answers to mirrored requests, and the counts folded from them in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.delivery.evidence.votes import Votes
from tidegate.delivery.observation import Observation
from tidegate.delivery.pairs import PairRecord
from tidegate.errors import InvalidInputError
from tidegate.registry.id_range import id_range
from tidegate.registry.schema import content, pair_counts, pairs

PairKey = tuple[str, int, int]  # release, attempt, step

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(PairRecord)


class CountedPairs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counts of one (release, attempt, step).

    Attributes:
        early: pairs whose request began before every gateway served the step: limits watch them, but they are no
            samples.
        window: those after that.
    """

    early: PairCounts = PairCounts()
    window: PairCounts = PairCounts()

    def __add__(self, other: CountedPairs) -> CountedPairs:
        return CountedPairs(self.early + other.early, self.window + other.window)

    @property
    def total(self) -> PairCounts:
        """Every pair of the step."""
        return self.early + self.window


_COUNTED = msgspec.json.Decoder(CountedPairs)


class StoredPair(msgspec.Struct, frozen=True, kw_only=True):
    """A pair and the cursor that continues after it."""

    cursor: str
    pair: PairRecord


async def keep_pairs(
    connection: AsyncConnection, records: Sequence[PairRecord], is_sample: Callable[[Observation], bool]
) -> None:
    """Store each pair and count it.

    Args:
        is_sample: whether a request began in the window of its release's step.
    """
    await connection.execute(sa.insert(pairs), [_row(record) for record in records])
    added: dict[PairKey, CountedPairs] = {}
    for record in records:
        one = PairCounts.of(record)
        counted = CountedPairs(window=one) if is_sample(record.stable) else CountedPairs(early=one)
        key = record.stable.release, record.stable.attempt, record.stable.step
        added[key] = added.get(key, CountedPairs()) + counted
    for key, counted in added.items():
        await _add(connection, key, counted)


async def add_votes(connection: AsyncConnection, key: PairKey, question: str, votes: Votes, *, is_sample: bool) -> None:
    """Count votes on the pairs of one step; negative ones take earlier ones back.

    Args:
        question: ``judge:NAME`` or ``feedback:NAME``.
        is_sample: whether the pair's request began in the window of the step.
    """
    one = PairCounts(votes={question: votes})
    await _add(connection, key, CountedPairs(window=one) if is_sample else CountedPairs(early=one))


async def read_pair_counts(
    connection: AsyncConnection, releases: Iterable[str]
) -> dict[str, dict[PairKey, CountedPairs]]:
    """All counts of each of ``releases``; a release that mirrored nothing maps to an empty dict."""
    found: dict[str, dict[PairKey, CountedPairs]] = {release: {} for release in releases}
    for row in await connection.execute(sa.select(pair_counts).where(pair_counts.c.release.in_(found))):
        found[row.release][row.release, row.attempt, row.step] = _COUNTED.decode(row.summary)
    return found


async def newest_pairs(
    connection: AsyncConnection,
    release: str,
    *,
    is_different: bool = False,
    after: str | None = None,
    limit: int = 50,
) -> list[StoredPair]:
    """Newest first.

    Args:
        is_different: only those whose answers or outcomes differ.
        after: cursor of the last one seen.

    Raises:
        InvalidInputError: ``after`` is no cursor of this listing.
    """
    statement = sa.select(pairs.c.id, pairs.c.row).where(pairs.c.release == release)
    if is_different:
        statement = statement.where(pairs.c.is_different)
    if after is not None:
        if not after.isdigit():
            raise InvalidInputError(f"{after!r} is not a cursor", remedy="pass the cursor of the last page as it came")
        statement = statement.where(pairs.c.id < int(after))
    rows = await connection.execute(statement.order_by(pairs.c.id.desc()).limit(limit))
    return [StoredPair(cursor=str(row.id), pair=_DECODER.decode(row.row)) for row in rows]


async def shown_pairs(connection: AsyncConnection, request_ids: Iterable[str]) -> dict[str, PairRecord]:
    """Of ``request_ids`` those whose answers were shown side by side, with both."""
    rows = await connection.execute(sa.select(pairs.c.row).where(pairs.c.request_id.in_(list(request_ids))))
    found = (_DECODER.decode(row.row) for row in rows)
    return {pair.stable.request_id: pair for pair in found if pair.shown}


async def kept_answers(connection: AsyncConnection, request_ids: Sequence[str]) -> dict[str, str]:
    """What was answered to each of ``request_ids``, as far as it was kept."""
    statement = sa.select(content.c.request_id, content.c.answer).where(content.c.request_id.in_(request_ids))
    return {row.request_id: row.answer for row in await connection.execute(statement)}


async def forget_pairs(connection: AsyncConnection, *, keep: int, started_before_us: int, chunk: int = 5_000) -> int:
    """Delete at most ``chunk`` of the oldest that are over ``keep`` or too old; counts stay. Returns how many."""
    found = await id_range(connection, pairs)
    if found is None:
        return 0
    oldest, latest = found
    superfluous = sa.or_(pairs.c.id <= latest - keep, pairs.c.started_at_us < started_before_us)
    return (await connection.execute(sa.delete(pairs).where(pairs.c.id < oldest + chunk, superfluous))).rowcount


async def _add(connection: AsyncConnection, key: PairKey, more: CountedPairs) -> None:
    named = dict(zip(("release", "attempt", "step"), key, strict=True))
    where = sa.and_(*(pair_counts.c[name] == value for name, value in named.items()))
    known = await connection.scalar(sa.select(pair_counts.c.summary).where(where))
    total = more if known is None else _COUNTED.decode(known) + more
    text = _ENCODER.encode(total).decode()
    if known is None:
        await connection.execute(sa.insert(pair_counts).values(**named, summary=text))
    else:
        await connection.execute(sa.update(pair_counts).where(where).values(summary=text))


def _row(record: PairRecord) -> dict[str, object]:
    users = record.stable
    is_different = record.is_exact is False or users.assigned_outcome != record.candidate.assigned_outcome
    return {
        "release": users.release,
        "request_id": users.request_id,
        "started_at_us": users.started_at_us,
        "is_different": is_different,
        "row": _ENCODER.encode(record).decode(),
    }
