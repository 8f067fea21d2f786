from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tidegate.registry import outbox, schema
from tidegate.registry.database import Database

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/state.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.state.create_all)
    yield made
    await made.close()


async def put(database: Database, key: str, *sinks: str) -> None:
    async with database.write() as connection:
        await outbox.put(
            connection, sinks=sinks or ("log",), event="promoted", payload={"key": key}, dedupe_key=key, now=NOW
        )


async def due(database: Database, sink: str = "log") -> list[outbox.OutboxRow]:
    async with database.read() as connection:
        return await outbox.due(connection, sink)


async def test_events_are_due_in_the_order_they_happened(database):
    for key in ("c", "a", "b"):
        await put(database, key)
    assert [row.payload["key"] for row in await due(database)] == ["c", "a", "b"]


async def test_the_same_fact_is_queued_once_for_each_sink(database):
    await put(database, "a", "log", "webhook")
    await put(database, "a", "log", "webhook")
    assert len(await due(database, "log")) == len(await due(database, "webhook")) == 1


async def test_what_was_sent_is_not_due_again(database):
    await put(database, "a")
    await put(database, "b")
    first, second = await due(database)
    async with database.write() as connection:
        await outbox.mark_sent(connection, [first.id], NOW)
        await outbox.mark_failed(connection, second.id, "away")
    assert [(row.payload["key"], row.attempts) for row in await due(database)] == [("b", 1)]


async def test_pruning_forgets_sent_messages_only(database):
    await put(database, "a")
    await put(database, "b")
    async with database.write() as connection:
        await outbox.mark_sent(connection, [(await outbox.due(connection, "log"))[0].id], NOW)
        assert await outbox.prune(connection, NOW + timedelta(days=1)) == 1
        assert await outbox.prune(connection, NOW + timedelta(days=1)) == 0
    assert [row.payload["key"] for row in await due(database)] == ["b"]


async def test_what_was_given_up_is_seen_apart_and_can_be_asked_for_again(database):
    await put(database, "a", "hook")
    await put(database, "b", "hook")
    async with database.write() as connection:
        first, _ = await outbox.due(connection, "hook")
        await outbox.mark_failed(connection, first.id, "it answered 500", dead_at=NOW)
        assert await outbox.waiting_sinks(connection) == {"hook"}
    assert [row.payload["key"] for row in await due(database, "hook")] == ["b"]
    async with database.read() as connection:
        (dead,) = await outbox.list_outbox(connection, standing="dead")
    assert (dead.standing, dead.error, dead.attempts) == ("dead", "it answered 500", 1)
    async with database.write() as connection:
        assert (await outbox.revive(connection, dead.id)).standing == "waiting"
    assert [row.payload["key"] for row in await due(database, "hook")] == ["a", "b"]


async def test_the_list_leaves_the_log_out_unless_it_is_named(database):
    await put(database, "a", "log", "hook")
    async with database.read() as connection:
        assert [row.sink for row in await outbox.list_outbox(connection)] == ["hook"]
        assert [row.sink for row in await outbox.list_outbox(connection, sink="log")] == ["log"]
