import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tidegate.controller.clock import ManualClock
from tidegate.controller.notification import Notifier
from tidegate.controller.sinks.log import LogSink
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


class Listeners:
    """The sinks that there are."""

    def __init__(self, *listeners: Listener) -> None:
        self.listeners = {listener.name: listener for listener in listeners}
        self.names = tuple(self.listeners)

    def sink(self, name):
        return self.listeners.get(name)

    def own_sink(self, name, row):
        raise AssertionError("no release has a sink of its own here")

    def release_of(self, name):
        return None


def notifier_of(database, *listeners, clock=None, **more):
    return Notifier(database, clock or ManualClock(NOW), Listeners(*listeners), **more)


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
    notifier = notifier_of(database, a, b)
    await put(database, "one", "two", "three")
    for _ in range(2):
        assert await notifier.deliver_due("a")
        assert await notifier.deliver_due("b")
    assert a.told == b.told == ["one", "two", "three"]


async def test_what_failed_is_told_again_and_nothing_overtakes_it(database):
    a = Listener("a")
    notifier = notifier_of(database, a)
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
        await notifier_of(database, first).deliver_due("a")
    second = Listener("a")
    await notifier_of(database, second).deliver_due("a")
    assert (first.told, second.told) == (["one"], ["two"])


async def test_a_hanging_sink_delays_no_other(database, monkeypatch):
    monkeypatch.setattr("tidegate.controller.notification._TIME_LIMIT_SECONDS", 0.05)
    a, b = Listener("a"), Listener("b")
    a.hangs = True
    notifier = notifier_of(database, a, b)
    running = asyncio.create_task(notifier.run())
    await put(database, "one")
    notifier.wake()
    async with asyncio.timeout(120):
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


async def test_who_does_not_lead_tells_nothing(database):
    a = Listener("a")
    await put(database, "one", sinks=("a",))
    assert await notifier_of(database, a, is_leading=lambda: False).deliver_due("a")
    assert a.told == []


async def test_what_cannot_be_told_for_a_day_is_given_up_and_the_next_has_its_turn(database):
    a, clock = Listener("a"), ManualClock(NOW)
    notifier = notifier_of(database, a, clock=clock)
    await put(database, "one", "two", sinks=("a",))
    a.failures = 1
    assert not await notifier.deliver_due("a")
    clock.advance(timedelta(days=1))
    a.failures = 1
    assert await notifier.deliver_due("a")
    assert a.told == ["two"]
    async with database.read() as connection:
        (dead,) = await outbox.list_outbox(connection, standing="dead")
    assert (dead.event, dead.attempts, dead.error) == ("one", 2, "unreachable")


async def test_a_sink_that_is_gone_is_told_as_the_error(database):
    await put(database, "one", sinks=("gone",))
    assert not await notifier_of(database).deliver_due("gone")
    async with database.read() as connection:
        (row,) = await outbox.list_outbox(connection, sink="gone")
    assert "no sink 'gone'" in row.error
