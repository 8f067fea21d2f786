"""What is said of a later request counts in the round the unit was drawn in, for the variant it was drawn to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.fakes.observations import observation

from tidegate.delivery.observation import ObservationBatch
from tidegate.registry import schema
from tidegate.registry.crediting import credited
from tidegate.registry.database import Database
from tidegate.registry.observations import Counts, store_batch
from tidegate.registry.requests import of_requests
from tidegate.registry.units import First, first_key, write_firsts

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)


def request(number: int, **fields):
    common = {"release": "rel_1", "attempt": 1, "variant": "a", "unit_hash": 77, "propensity": 3_000}
    return observation(request_id=f"req_{number}", started_at_us=number, **common | fields)


@pytest.fixture
async def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/observed.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


async def where(database: Database, *rows, first=None, counts=Counts.COMPARED):
    """Places of all rows, of which the first is what its unit counts by."""
    drawn = first or rows[0]

    async def keep(connection):
        of = {drawn.request_id: counts}
        await store_batch(
            connection, ObservationBatch.of("g", "b", 1, list(rows)), list(rows), NOW, lambda r: of.get(r.request_id, 2)
        )
        if not drawn.has_own_unit:
            await write_firsts(connection, {first_key(drawn): First((drawn,), counts is Counts.COMPARED)}, {})

    await database.transact(keep)
    async with database.read() as connection:
        found = await of_requests(connection, [row.request_id for row in rows])
        return await credited(connection, [found[row.request_id] for row in rows])


async def test_a_later_turn_counts_in_the_round_of_the_first(database):
    later = request(2, round=4, propensity=10_000)
    first, place = await where(database, request(1, round=1), later)
    assert (first.observation.round, first.counted) == (1, Counts.COMPARED)
    assert (place.observation.request_id, place.observation.round, place.counted) == ("req_2", 1, Counts.COMPARED)


async def test_a_unit_that_met_another_variant_compares_nothing_there(database):
    _, place = await where(database, request(1, round=1), request(2, round=4, variant="b"))
    assert (place.observation.round, place.counted) == (4, Counts.WINDOW)


async def test_the_first_request_need_not_be_stored_any_more(database):
    later = request(2, round=4, propensity=10_000)
    (place,) = await where(database, later, first=request(1, round=1))
    assert (place.observation.request_id, place.observation.round, place.counted) == ("req_2", 1, Counts.COMPARED)


async def test_who_was_not_drawn_by_the_coin_never_is_later(database):
    _, place = await where(database, request(1, propensity=10_000), request(2, round=1), counts=Counts.WINDOW)
    assert place.counted == Counts.WINDOW


async def test_a_unit_of_one_request_and_one_nobody_knows_are_what_they_were(database):
    alone = request(1, has_own_unit=True)
    assert [place.counted for place in await where(database, alone)] == [Counts.COMPARED]
    forgotten = request(9, unit_hash=5, round=2)
    async with database.read() as connection:
        (place,) = await credited(
            connection, [(await of_requests(connection, ["req_1"]))["req_1"]._replace(observation=forgotten)]
        )
    assert (place.observation.round, place.counted) == (2, Counts.COMPARED)
