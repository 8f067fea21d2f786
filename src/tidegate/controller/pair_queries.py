"""What control tells of mirrored requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from tidegate.delivery.evidence.pair_counts import PairCounts, PairedSums
from tidegate.delivery.observation import Observation
from tidegate.delivery.pairs import PairRecord, copy_id
from tidegate.registry.database import Database
from tidegate.registry.pairs import kept_answers, newest_pairs, read_pair_counts
from tidegate.shapes.pairs import Pair, PairedMean, Pairs, PairSide, PairTotals

_UNITS = {"latency": 1e6, "ttft": 1e6, "tpot": 1e6, "output_tokens": 1.0, "cost": 1e9}


class PairQueries:
    """Reads; changes nothing.

    Args:
        database: of observations.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pairs(
        self, release: str, *, is_different: bool = False, after: str | None = None, limit: int = 50
    ) -> Pairs:
        """A page of a release's pairs, newest first, with the totals of its steps.

        Args:
            is_different: only those whose texts or outcomes differ.
            after: cursor of the last one seen.

        Raises:
            InvalidInputError: ``after`` is no cursor.
        """
        async with self._database.read() as connection:
            counted = (await read_pair_counts(connection, [release]))[release]
            found = await newest_pairs(connection, release, is_different=is_different, after=after, limit=limit)
            ids = [stored.pair.stable.request_id for stored in found]
            texts = await kept_answers(connection, [*ids, *map(copy_id, ids)])
        totals = (_totals(key[1], key[2], counts.total) for key, counts in sorted(counted.items()))
        return Pairs(
            release=release,
            totals=tuple(totals),
            items=tuple(_pair(stored.pair, texts) for stored in found),
            next=found[-1].cursor if len(found) == limit else None,
        )


def _totals(attempt: int, step: int, counts: PairCounts) -> PairTotals:
    return PairTotals(
        attempt=attempt,
        step=step,
        pairs=counts.pairs,
        copies=counts.copies,
        cost_usd=counts.cost / 1e9,
        tokens=counts.tokens,
        unpriced=counts.unpriced,
        compared=counts.compared,
        exact=counts.exact,
        similarity=counts.similarity.mean / 1e6 if counts.compared else None,
        outcomes=counts.outcomes,
        quantities={name: _mean(sums, _UNITS[name]) for name, sums in sorted(counts.quantities.items())},
    )


def _mean(sums: PairedSums, unit: float) -> PairedMean:
    return PairedMean(
        pairs=sums.count,
        stable=sums.stable / sums.count / unit,
        candidate=sums.candidate / sums.count / unit,
        change=sums.candidate / sums.stable - 1 if sums.stable else None,
    )


def _pair(record: PairRecord, texts: Mapping[str, str]) -> Pair:
    users = record.stable
    return Pair(
        request_id=users.request_id,
        at=datetime.fromtimestamp(users.started_at_us / 1e6, UTC),
        attempt=users.attempt,
        step=users.step,
        is_exact=record.is_exact,
        similarity=None if record.similarity is None else record.similarity / 1e6,
        stable=_side(users, texts.get(users.request_id)),
        candidate=_side(record.candidate, texts.get(copy_id(users.request_id))),
    )


def _side(row: Observation, text: str | None) -> PairSide:
    return PairSide(
        version=row.version,
        outcome=str(row.assigned_outcome),
        latency_seconds=row.duration_us / 1e6,
        ttft_seconds=row.ttft_us / 1e6 if row.ttft_us > 0 else None,
        output_tokens=row.output_tokens if row.output_tokens >= 0 else None,
        cost_usd=row.cost_nano_usd / 1e9 if row.cost_nano_usd >= 0 else None,
        finish_reason=row.finish_reason,
        text=text,
    )
