import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tidegate.controller.clock import ManualClock
from tidegate.controller.notification import LogSink, Notifier
from tidegate.registry import outbox, schema
from tidegate.registry.database import Database

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)


class Listener:
    """A sink that remembers, and fails or hangs when told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: list[str] = []
        self.failures = 0
        self.hangs = False

    async def deliver(self, row) -> None:
        if self.hangs:
            await asyncio.sleep(3600)
        if self.failures:
            self.failures -= 1
            raise OSError("unreachable")
        self.told.append(row.event)


@pytest.fixture
async def database(tmp_path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/state.db", durability="normal")
    async with made.engine.begin() as connection:
        await connection.run_sync(schema.state.create_all)
    yield made
    await made.close()


async def put(database: Database, *events: str, sinks=("a", "b")) -> None:
    async with database.write() as connection:
        for event in events:
            await outbox.put(connection, sinks=sinks, event=event, payload={}, dedupe_key=event, now=NOW)


async def test_each_sink_hears_everything_once_in_order(database):
    a, b = Listener("a"), Listener("b")
    notifier = Notifier(database, ManualClock(NOW), [a, b])
    assert notifier.names == ("a", "b")
    await put(database, "one", "two", "three")
    for _ in range(2):
        assert await notifier.deliver_due("a")
        assert await notifier.deliver_due("b")
    assert a.told == b.told == ["one", "two", "three"]


async def test_what_failed_is_told_again_and_nothing_overtakes_it(database):
    a = Listener("a")
    notifier = Notifier(database, ManualClock(NOW), [a])
    await put(database, "one", "two", sinks=("a",))
    a.failures = 1
    assert not await notifier.deliver_due("a")
    assert a.told == []
    assert await notifier.deliver_due("a")
    assert a.told == ["one", "two"]


async def test_a_process_that_died_in_the_middle_leaves_the_rest_for_the_next_one(database):
    await put(database, "one", "two", sinks=("a",))
    first = Listener("a")
    first.failures = 0
    real = first.deliver

    async def die_after_one(row) -> None:
        if first.told:
            raise asyncio.CancelledError
        await real(row)

    first.deliver = die_after_one
    with pytest.raises(asyncio.CancelledError):
        await Notifier(database, ManualClock(NOW), [first]).deliver_due("a")
    second = Listener("a")
    await Notifier(database, ManualClock(NOW), [second]).deliver_due("a")
    assert (first.told, second.told) == (["one"], ["two"])


async def test_a_hanging_sink_delays_no_other(database, monkeypatch):
    monkeypatch.setattr("tidegate.controller.notification._TIME_LIMIT_SECONDS", 0.05)
    a, b = Listener("a"), Listener("b")
    a.hangs = True
    notifier = Notifier(database, ManualClock(NOW), [a, b])
    running = asyncio.create_task(notifier.run())
    await put(database, "one")
    notifier.wake()
    async with asyncio.timeout(5):
        while b.told != ["one"]:
            await asyncio.sleep(0.01)
    assert a.told == []
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_the_log_sink_writes_the_event_with_its_payload(database, capsys):
    await put(database, "release.promoted", sinks=("log",))
    async with database.read() as connection:
        (row,) = await outbox.due(connection, "log")
    await LogSink().deliver(row)
    written = capsys.readouterr().out
    assert "release.promoted" in written
