from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.observations import batch, observation

from tidegate.delivery.evidence.summary import Summary
from tidegate.registry import observations, schema
from tidegate.registry.database import Database
from tidegate.registry.requests import RequestFilter, find_requests

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3650)


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


async def store(database: Database, rows, sequence: int = 1, boot_id: str = "boot") -> bool:
    async with database.write() as connection:
        return await observations.store_batch(connection, batch(rows, sequence, boot_id), rows, NOW)


def at(seconds: int) -> int:
    return int((NOW + timedelta(seconds=seconds)).timestamp() * 1_000_000)


async def stored_ids(database: Database) -> list[str]:
    async with database.read() as connection:
        return [row.observation.request_id for row in (await find_requests(connection, RequestFilter())).rows]


async def test_a_batch_counts_once(database):
    assert await store(database, [observation()])
    assert not await store(database, [observation()])
    assert await store(database, [observation()], boot_id="another process")
    assert len(await stored_ids(database)) == 2


async def test_counts_of_a_key_add_up_and_other_keys_stay_apart(database):
    one = observations.Counted(window=Summary.of(observation(duration_us=10**7)))
    key, other = ("rel_1", 1, 0, 0, "candidate"), ("rel_1", 2, 0, 0, "candidate")
    async with database.write() as connection:
        await observations.add_counts(connection, {key: one})
        await observations.add_counts(connection, {key: one + one, other: one})
        found = await observations.read_counts(connection, ["rel_1", "rel_2"])
    assert found == {"rel_1": {key: one + one + one, other: one}, "rel_2": {}}


async def test_sums_larger_than_a_machine_word_survive(database):
    huge = observations.Counted(early=Summary.of(observation(cost_nano_usd=10**18)))
    async with database.write() as connection:
        await observations.add_counts(connection, {("rel_1", 1, 0, 0, "candidate"): huge})
        found = await observations.read_counts(connection, ["rel_1"])
    assert found["rel_1"]["rel_1", 1, 0, 0, "candidate"].total.cost.squares == 10**36


async def forget(database: Database, keep: int, started_before: datetime, chunk: int = 5000) -> int:
    async with database.write() as connection:
        return await observations.forget(
            connection, keep=keep, started_before=started_before, stored_before=LONG_AGO, chunk=chunk
        )


async def test_the_oldest_rows_over_the_number_go_in_chunks(database):
    await store(database, [observation(request_id=f"req_{n}", started_at_us=at(n)) for n in range(10)])
    assert [await forget(database, keep=3, started_before=LONG_AGO, chunk=5) for _ in range(3)] == [5, 2, 0]
    assert await stored_ids(database) == ["req_9", "req_8", "req_7"]


async def test_rows_that_are_too_old_go(database):
    await store(database, [observation(request_id=f"req_{n}", started_at_us=at(n)) for n in range(10)])
    assert await forget(database, keep=100, started_before=NOW + timedelta(seconds=8)) == 8
    assert len(await stored_ids(database)) == 2
    assert await forget(database, keep=100, started_before=LONG_AGO) == 0


async def test_forgetting_an_empty_table_does_nothing(database):
    assert await forget(database, keep=0, started_before=NOW) == 0


async def test_batch_keys_are_forgotten_when_nobody_can_send_them_again(database):
    await store(database, [observation()])
    async with database.write() as connection:
        await observations.forget(
            connection, keep=100, started_before=LONG_AGO, stored_before=NOW + timedelta(seconds=1)
        )
    assert await store(database, [observation()])
