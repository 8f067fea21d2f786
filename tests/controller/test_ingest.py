from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.observations import batch, observation

from tidegate.controller.clock import ManualClock
from tidegate.controller.ingest import Ingest, RetentionSettings
from tidegate.registry import observations, schema
from tidegate.registry.database import Database
from tidegate.registry.requests import RequestFilter, find_requests

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
KEY = ("rel_1", 1, 0, 0, "candidate")


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


def sample(**fields):
    return observation(release="rel_1", variant="candidate", served="candidate", **fields)


async def counted(database: Database) -> dict:
    async with database.read() as connection:
        return (await observations.read_counts(connection, ["rel_1"]))["rel_1"]


async def test_a_batch_sent_twice_counts_once(database):
    ingest = Ingest(database, ManualClock(NOW))
    rows = [sample(unit_hash=n) for n in range(5)]
    assert await ingest.store(batch(rows))
    assert not await ingest.store(batch(rows))
    summary = (await counted(database))[KEY].window
    assert (summary.requests, summary.units, ingest.stored, ingest.repeated_batches) == (5, 5, 5, 1)


async def test_observations_outside_releases_are_stored_and_counted_nowhere(database):
    ingest = Ingest(database, ManualClock(NOW))
    await ingest.store(batch([observation()]))
    assert (await counted(database), ingest.stored) == ({}, 1)
    assert (ingest.observed_at("bot"), ingest.observed_at("shop")) == (NOW, None)


async def test_what_is_no_sample_is_stored_and_counted_apart(database):
    ingest = Ingest(database, ManualClock(NOW), is_sample=lambda row: row.started_at_us >= 1000)
    await ingest.store(batch([sample(started_at_us=999), sample(started_at_us=1000)]))
    found = (await counted(database))[KEY]
    assert (found.window.requests, found.early.requests, found.total.requests) == (1, 1, 2)
    async with database.read() as connection:
        assert len((await find_requests(connection, RequestFilter())).rows) == 2


async def test_restarts_and_two_control_processes_count_each_unit_once(database):
    rows = [
        sample(unit_hash=n % 7, request_id=f"req_{n}", started_at_us=1_000 - n, propensity=500, duration_us=1_000 * n)
        for n in range(40)
    ]
    once = Ingest(database, ManualClock(NOW))
    await once.store(batch(rows))
    whole = (await counted(database))[KEY]
    async with database.engine.begin() as connection:
        for table in (schema.counts, schema.units, schema.batches):
            await connection.execute(table.delete())
    for n, row in enumerate(rows):
        await Ingest(database, ManualClock(NOW)).store(batch([row], sequence=n))
    assert (await counted(database))[KEY] == whole
    assert (whole.compared.units, whole.compared.requests, whole.window.requests) == (7, 7, 40)


async def test_late_arrivals_count_where_they_began_and_are_counted(database):
    ingest = Ingest(database, ManualClock(NOW), is_late=lambda row: row.step == 0)
    await ingest.store(batch([sample(step=0), sample(step=1)]))
    assert ingest.late == 1
    assert (await counted(database))[KEY].window.requests == 1


async def test_units_of_an_ended_release_are_forgotten(database):
    ingest = Ingest(database, ManualClock(NOW))
    await ingest.store(batch([sample(unit_hash=2**64 - 1, propensity=500)]))
    ingest.ended("rel_1")
    await ingest.clean_up()
    async with database.read() as connection:
        assert (await connection.execute(schema.units.select())).all() == []
    assert (await counted(database))[KEY].compared.units == 1


async def test_reports_of_open_requests_are_counted_and_not_kept_as_requests(database):
    ingest = Ingest(database, ManualClock(NOW))
    fields = {"propensity": 500, "request_id": "req_slow"}
    await ingest.store(batch([sample(**fields, is_open=True, duration_us=4_000_000)]))
    assert (await counted(database))[KEY].compared.open_latency.count == 1
    async with database.read() as connection:
        assert (await find_requests(connection, RequestFilter())).rows == []
    await ingest.store(batch([sample(**fields, duration_us=9_000_000, waited_us=4_000_000)], sequence=2))
    compared = (await counted(database))[KEY].compared
    assert (compared.open_latency.count, compared.latency.count, compared.units) == (0, 1, 1)


async def test_cleaning_up_keeps_the_bounds(database):
    clock = ManualClock(NOW)
    ingest = Ingest(database, clock, retention=RetentionSettings(rows=4, age=timedelta(days=1)))
    started = int(NOW.timestamp() * 1_000_000)
    await ingest.store(batch([sample(started_at_us=started + n) for n in range(10)]))
    assert await ingest.clean_up() == 6
    clock.advance(timedelta(days=2))
    assert await ingest.clean_up() == 4
