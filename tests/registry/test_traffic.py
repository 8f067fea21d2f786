from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tidegate.delivery.tally import Tally, TallyKey
from tidegate.registry import schema
from tidegate.registry.database import Database
from tidegate.registry.traffic import add_traffic, age_traffic, read_traffic

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/observations.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.observations.create_all)
    yield made
    await made.close()


def key(at: datetime, service: str = "bot", variant: str = "stable", release: str = "") -> TallyKey:
    return TallyKey(service, 10, int(at.timestamp()), f"{service}/v1.0.0-00000000", variant, release)


async def add(database: Database, added: dict[TallyKey, Tally]) -> None:
    await database.transact(lambda connection: add_traffic(connection, added))


async def read(database: Database, *services: str, **bounds) -> dict[TallyKey, Tally]:
    async with database.read() as connection:
        return await read_traffic(connection, services, **{"since": NOW - timedelta(days=500), **bounds})


async def age(database: Database, now: datetime, chunk: int = 2000) -> None:
    while await database.transact(lambda connection: age_traffic(connection, now, chunk=chunk)):
        pass


async def test_stretches_grow_and_keep_apart(database):
    first, other, later = key(NOW), key(NOW, variant="candidate"), key(NOW + timedelta(seconds=10))
    await add(database, {first: Tally(2, failures=1), other: Tally(5)})
    await add(database, {first: Tally(3, outcomes={"ok": 3}), later: Tally(1)})
    found = await read(database, "bot")
    assert found == {first: Tally(5, failures=1, outcomes={"ok": 3}), other: Tally(5), later: Tally(1)}


async def test_only_what_was_asked_for_is_read(database):
    inside, before, after = key(NOW), key(NOW - timedelta(seconds=10)), key(NOW + timedelta(seconds=10))
    of_release = key(NOW, release="rel_1")
    await add(database, dict.fromkeys([inside, before, after, of_release, key(NOW, service="shop")], Tally(1)))
    window = {"since": NOW, "until": NOW + timedelta(seconds=10)}
    assert set(await read(database, "bot", **window)) == {inside, of_release}
    assert set(await read(database, "bot", **window, release="rel_1")) == {of_release}


@pytest.mark.parametrize("chunk", [7, 2000])
async def test_ageing_moves_into_longer_stretches_and_loses_nothing(database, chunk):
    await add(database, {key(NOW + timedelta(seconds=10 * n)): Tally(n) for n in range(30)})
    await age(database, NOW + timedelta(hours=2, minutes=2), chunk)
    found = await read(database, "bot")
    assert {each.period for each in found} == {60, 10}
    assert sum(each.requests for each in found.values()) == sum(range(30))
    assert all(each.start >= (NOW + timedelta(minutes=2)).timestamp() for each in found if each.period == 10)
    await age(database, NOW + timedelta(days=3), chunk)
    assert {(each.period, each.start) for each in await read(database, "bot")} == {(3600, int(NOW.timestamp()))}


async def test_requests_that_arrive_late_join_the_stretch_their_time_is_in_now(database):
    await add(database, {key(NOW): Tally(1)})
    await age(database, NOW + timedelta(days=3))
    await add(database, {key(NOW + timedelta(seconds=20)): Tally(1)})
    await age(database, NOW + timedelta(days=3))
    assert [each.requests for each in (await read(database, "bot")).values()] == [2]


async def test_what_is_older_than_all_lengths_is_forgotten(database):
    await add(database, {key(NOW): Tally(1)})
    await age(database, NOW + timedelta(days=402))
    assert await read(database, "bot") == {}
