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
        await outbox.mark_failed(connection, second.id)
    assert [(row.payload["key"], row.attempts) for row in await due(database)] == [("b", 1)]


async def test_pruning_forgets_sent_messages_only(database):
    await put(database, "a")
    await put(database, "b")
    async with database.write() as connection:
        await outbox.mark_sent(connection, [(await outbox.due(connection, "log"))[0].id], NOW)
        assert await outbox.prune(connection, NOW + timedelta(days=1)) == 1
        assert await outbox.prune(connection, NOW + timedelta(days=1)) == 0
    assert [row.payload["key"] for row in await due(database)] == ["b"]
