import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tidegate.controller.clock import ManualClock
from tidegate.controller.publisher import Publisher
from tidegate.delivery.snapshot import LinkMessage, ServiceRoute, Snapshot
from tidegate.errors import InternalError
from tidegate.registry import cluster, schema
from tidegate.registry.cluster import StaleLeaderError
from tidegate.registry.database import Database

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
LEASE = timedelta(seconds=10)


class World:
    """A publisher over a database whose services are a dictionary in memory."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(NOW)
        self.services: dict[str, ServiceRoute] = {}
        self.secrets: dict[str, str] = {}
        self.publisher = Publisher(database, self.clock, self.read_table, lambda: self.secrets)

    async def read_table(self, connection) -> Snapshot:
        row = await cluster.read_cluster(connection)
        return Snapshot(revision=row.revision, epoch=row.epoch, services=dict(self.services))

    async def lead(self, leader: str = "a", **options) -> None:
        row = await self.database.transact(lambda c: cluster.lead(c, leader, NOW, LEASE, **options))
        self.publisher.speak_for(row, is_leading=True, seconds=10)


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    database = Database(f"sqlite:///{tmp_path}/state.db", durability="normal")
    async with database.engine.begin() as connection:
        await connection.run_sync(schema.state.create_all)
    made = World(database)
    yield made
    made.publisher.close()
    await database.close()


async def line(lines: AsyncIterator[bytes]) -> LinkMessage:
    async with asyncio.timeout(120):
        return msgspec.json.decode(await anext(lines), type=LinkMessage)


async def test_nothing_is_in_force_before_the_first_refresh(world):
    with pytest.raises(InternalError):
        _ = world.publisher.current


async def test_refreshing_without_a_change_keeps_the_revision(world):
    await world.lead()
    first = await world.publisher.refresh()
    assert await world.publisher.refresh() == first


async def test_a_change_without_a_revision_of_its_own_gets_the_next_one(world):
    await world.lead()
    first = await world.publisher.refresh()
    world.services["bot"] = ServiceRoute(name="bot")
    second = await world.publisher.refresh()
    assert second.revision == first.revision + 1
    assert world.publisher.current.services == {"bot": ServiceRoute(name="bot")}


async def test_many_who_ask_at_once_are_answered_by_few_reads(world):
    await world.lead()
    await world.publisher.refresh()
    reads = []
    real = world.read_table

    async def count(connection):
        reads.append(True)
        return await real(connection)

    world.publisher._read_table = count
    world.services["bot"] = ServiceRoute(name="bot")
    answers = await asyncio.gather(*(world.publisher.refresh() for _ in range(20)))
    assert {answer.revision for answer in answers} == {2}
    assert len(reads) <= 4


async def test_a_read_that_fails_answers_nobody_else(world):
    await world.lead()
    await world.publisher.refresh()
    real, failures = world.read_table, [OSError("gone")]

    async def fail_once(connection):
        if failures:
            raise failures.pop()
        return await real(connection)

    world.publisher._read_table = fail_once
    world.services["bot"] = ServiceRoute(name="bot")
    first, second = await asyncio.gather(world.publisher.refresh(), world.publisher.refresh(), return_exceptions=True)
    assert isinstance(first, OSError)
    assert "bot" in second.services


async def test_the_revision_that_brought_a_route_is_remembered(world):
    await world.lead()
    world.services["bot"] = ServiceRoute(name="bot")
    await world.publisher.refresh()
    world.services["shop"] = ServiceRoute(name="shop")
    await world.publisher.refresh()
    assert world.publisher.revision_since(ServiceRoute(name="bot")) == 1
    assert world.publisher.revision_since(ServiceRoute(name="shop")) == 2
    assert world.publisher.revision_since(ServiceRoute(name="bot", salt="other")) is None
    assert world.publisher.revision_since(ServiceRoute(name="nobody")) is None
    await world.lead("b", is_forced=True)
    await world.publisher.refresh()
    assert world.publisher.revision_since(ServiceRoute(name="bot")) == 3


async def test_a_change_that_was_numbered_is_published_with_that_number(world):
    await world.lead()
    await world.publisher.refresh()
    world.services["bot"] = ServiceRoute(name="bot")
    revision = await world.database.transact(cluster.bump_revision)
    assert (await world.publisher.refresh()).revision == revision


async def test_a_leader_that_lost_the_lead_publishes_nothing(world):
    await world.lead("a")
    first = await world.publisher.refresh()
    await world.database.transact(lambda c: cluster.lead(c, "b", NOW, LEASE, is_forced=True))
    await world.publisher.refresh()  # what the new leader numbered may be passed on
    world.services["bot"] = ServiceRoute(name="bot")
    with pytest.raises(StaleLeaderError):
        await world.publisher.refresh()
    assert world.publisher.current.revision == first.revision + 1
    assert world.publisher.current.services == {}


async def test_watchers_get_the_snapshot_at_once_and_each_change_at_once(world):
    await world.lead()
    await world.publisher.refresh()
    watchers = [world.publisher.watch() for _ in range(3)]
    firsts = [await line(watcher) for watcher in watchers]
    assert {message.snapshot.revision for message in firsts} == {1}
    waiting = [asyncio.create_task(line(watcher)) for watcher in watchers]
    await asyncio.sleep(0)
    world.services["bot"] = ServiceRoute(name="bot")
    await world.publisher.refresh()
    assert {message.snapshot.revision for message in await asyncio.gather(*waiting)} == {2}


async def test_a_slow_watcher_skips_to_the_newest(world):
    await world.lead()
    await world.publisher.refresh()
    watcher = world.publisher.watch()
    await line(watcher)
    for name in ("bot", "search", "shop"):
        world.services[name] = ServiceRoute(name=name)
        await world.publisher.refresh()
    assert (await line(watcher)).snapshot.revision == 4


async def test_secrets_travel_beside_the_snapshot(world):
    await world.lead()
    world.secrets["provider:openai"] = "sk-secret"
    await world.publisher.refresh()
    message = await line(world.publisher.watch())
    assert message.secrets == {"provider:openai": "sk-secret"}
    assert b"sk-secret" not in msgspec.json.encode(message.snapshot)


async def test_leases_are_renewed_while_the_cluster_is_led_and_not_after(world, monkeypatch):
    monkeypatch.setattr("tidegate.controller.publisher.RENEWAL_SECONDS", 0.01)
    await world.lead()
    await world.publisher.refresh()
    watcher = world.publisher.watch()
    await line(watcher)
    renewal = (await line(watcher)).lease
    assert (renewal.revision, renewal.epoch, renewal.seconds) == (1, 1, 10.0)
    world.clock.advance(timedelta(seconds=11))
    silent = asyncio.create_task(line(watcher))
    await asyncio.sleep(0.05)
    assert not silent.done()
    world.publisher.close()
    with pytest.raises(StopAsyncIteration):
        await silent


async def test_falling_silent_ends_renewals_at_once(world, monkeypatch):
    monkeypatch.setattr("tidegate.controller.publisher.RENEWAL_SECONDS", 0.01)
    await world.lead()
    await world.publisher.refresh()
    watcher = world.publisher.watch()
    await line(watcher)
    world.publisher.fall_silent()
    silent = asyncio.create_task(line(watcher))
    await asyncio.sleep(0.05)
    assert not silent.done()
    world.publisher.close()
    with pytest.raises(StopAsyncIteration):
        await silent
