from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.observations import batch, observation

from tidegate.delivery.evidence.summary import Summary
from tidegate.errors import InvalidInputError
from tidegate.registry import observations, schema
from tidegate.registry.database import Database

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


async def newest(database: Database, **options) -> list[observations.StoredObservation]:
    async with database.read() as connection:
        return await observations.newest(connection, **options)


async def test_a_batch_counts_once(database):
    assert await store(database, [observation()])
    assert not await store(database, [observation()])
    assert await store(database, [observation()], boot_id="another process")
    assert len(await newest(database)) == 2


async def test_a_request_is_found_whole_by_its_id(database):
    wanted = observation(request_id="req_x", model="gpt-é", finish_reason='"stop"')
    await store(database, [observation(), wanted])
    async with database.read() as connection:
        assert await observations.of_request(connection, "req_x") == [wanted]
        assert await observations.of_request(connection, "req_unknown") == []


@pytest.mark.parametrize("service", [None, "bot"])
async def test_pages_continue_where_the_last_one_ended_though_rows_arrive(database, service):
    rows = [observation(request_id=f"req_{n}", started_at_us=at(n)) for n in range(7)]
    await store(database, rows)
    first = await newest(database, service=service, limit=3)
    await store(database, [observation(request_id="late", started_at_us=at(99))], sequence=2)
    second = await newest(database, service=service, limit=3, after=first[-1].cursor)
    third = await newest(database, service=service, limit=3, after=second[-1].cursor)
    seen = [stored.observation.request_id for stored in first + second + third]
    assert seen == [f"req_{n}" for n in reversed(range(7))]


async def test_listings_keep_to_their_service_and_release(database):
    await store(database, [observation(service="bot"), observation(service="shop", release="rel_1")])
    assert [stored.observation.service for stored in await newest(database, service="shop")] == ["shop"]
    assert [stored.observation.service for stored in await newest(database, release="rel_1")] == ["shop"]


async def test_a_made_up_cursor_is_refused(database):
    with pytest.raises(InvalidInputError, match="cursor"):
        await newest(database, after="1; drop table requests")


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
    assert [stored.observation.request_id for stored in await newest(database)] == ["req_9", "req_8", "req_7"]


async def test_rows_that_are_too_old_go(database):
    await store(database, [observation(request_id=f"req_{n}", started_at_us=at(n)) for n in range(10)])
    assert await forget(database, keep=100, started_before=NOW + timedelta(seconds=8)) == 8
    assert len(await newest(database)) == 2
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
