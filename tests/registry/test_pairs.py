"""Pairs in the database: stored, counted once, listed, forgotten."""

from __future__ import annotations

import pytest
from tests.fakes.pairs import counted, pair

from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.errors import InvalidInputError
from tidegate.registry.pairs import forget_pairs, keep_pairs, newest_pairs, read_pair_counts


async def keep(database, *records, is_sample=lambda _: True):
    async with database.write() as connection:
        await keep_pairs(connection, records, is_sample)


async def test_pairs_of_several_batches_and_steps_add_up(observations_db):
    await keep(observations_db, pair(step=0), pair(step=0), pair(step=1))
    await keep(observations_db, pair(step=0), is_sample=lambda _: False)
    async with observations_db.read() as connection:
        found = await read_pair_counts(connection, ["rel_1", "rel_2"])
    assert found["rel_2"] == {}
    first = found["rel_1"]["rel_1", 1, 0]
    assert (first.window, first.early) == (counted(2), counted(1))
    assert first.total == counted(3)
    assert found["rel_1"]["rel_1", 1, 1].window == PairCounts.of(pair())


async def test_they_are_listed_newest_first_and_page_by_page(observations_db):
    records = [pair(request_id=f"req_{n}", is_exact=n % 2 == 0) for n in range(6)]
    await keep(observations_db, *records, pair(release="rel_2"))
    async with observations_db.read() as connection:
        page = await newest_pairs(connection, "rel_1", limit=4)
        rest = await newest_pairs(connection, "rel_1", limit=4, after=page[-1].cursor)
        different = await newest_pairs(connection, "rel_1", is_different=True)
        with pytest.raises(InvalidInputError, match="is not a cursor"):
            await newest_pairs(connection, "rel_1", after="x")
    assert [found.pair for found in (*page, *rest)] == records[::-1]
    assert [found.pair.stable.request_id for found in different] == ["req_5", "req_3", "req_1"]


async def test_another_outcome_is_a_difference_too(observations_db):
    await keep(observations_db, pair({"outcome": "timeout"}, is_exact=None))
    async with observations_db.read() as connection:
        assert len(await newest_pairs(connection, "rel_1", is_different=True)) == 1


async def test_the_oldest_are_forgotten_and_their_counts_are_not(observations_db):
    await keep(observations_db, *(pair(started_at_us=n) for n in range(10)))
    async with observations_db.write() as connection:
        assert await forget_pairs(connection, keep=4, started_before_us=0) == 6
        assert await forget_pairs(connection, keep=4, started_before_us=8) == 2
    async with observations_db.read() as connection:
        assert len(await newest_pairs(connection, "rel_1")) == 2
        assert (await read_pair_counts(connection, ["rel_1"]))["rel_1"]["rel_1", 1, 0].total.copies == 10
