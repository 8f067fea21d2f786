"""Delivers the outbox: each sink in its own order and at its own pace, at least once, by the leader alone.

A sink that hangs or fails delays nobody else, and nothing that a release does waits for any of them: each has its
own task, a time limit, and growing waits with some chance in them. What could not be told for a day is given up,
stays visible, and may be asked for again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import structlog

from tidegate.controller.clock import Clock
from tidegate.controller.sinks.telling import Sink
from tidegate.errors import NotFoundError
from tidegate.registry import outbox
from tidegate.registry.database import Database
from tidegate.registry.outbox import OutboxRow
from tidegate.registry.releases import ReleaseRow, read_release

_LOG = structlog.get_logger("tidegate.events")
_TIME_LIMIT_SECONDS = 10.0
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
_GIVE_UP = timedelta(days=1)
_KEEP_SENT = timedelta(days=7)
_PRUNE_SECONDS = 600.0
_TASK = "notify-"


class Sinks(Protocol):
    """Finds sinks by the names in the outbox."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of those that are always there."""

    def sink(self, name: str) -> Sink | None:
        """One of those."""

    def own_sink(self, name: str, row: ReleaseRow) -> Sink | None:
        """One that a release brought with it."""

    def release_of(self, name: str) -> str | None:
        """Which release that is."""


class Notifier:
    """Sends what the outbox holds; :meth:`wake` says that there is something new.

    Args:
        is_leading: only then anything is sent, so that two processes do not tell the same twice.
        chance: spreads the waits, so that many who failed together do not come back together.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sinks: Sinks,
        *,
        is_leading: Callable[[], bool] = lambda: True,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sinks = sinks
        self._is_leading = is_leading
        self._chance = chance
        self._prune_at = 0.0  # monotonic
        self._arrived = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look at the outbox now."""
        self._arrived.set()

    async def run(self) -> None:
        """Deliver until cancelled: a task for each sink that something waits for."""
        try:
            while True:
                self._arrived.clear()
                try:
                    await self._look()
                except Exception as error:  # the database may be away; the outbox keeps
                    _LOG.warning("outbox_unreadable", error=str(error))
                await _sleep_unless(self._arrived, _FIRST_WAIT_SECONDS)
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def deliver_due(self, name: str) -> bool:
        """Send what is due to one sink, oldest first; ``False`` when one could not be told."""
        async with self._database.read() as connection:
            rows = await outbox.due(connection, name)
        sink = await self._find(name) if rows else None
        for row in rows:
            if not self._is_leading():
                return True
            if not await self._deliver(sink, row):
                return False
        return True

    async def _look(self) -> None:
        if not self._is_leading():
            return
        async with self._database.read() as connection:
            waiting = await outbox.waiting_sinks(connection)
        for name in waiting - self._tasks.keys():
            task = asyncio.create_task(self._run_sink(name), name=f"{_TASK}{name}")
            self._tasks[name] = task
            task.add_done_callback(self._ended)
        await self._prune()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task.get_name().removeprefix(_TASK), None)

    async def _run_sink(self, name: str) -> None:
        """Until nothing waits for it any more."""
        wait = _FIRST_WAIT_SECONDS
        while self._is_leading():
            try:
                if await self.deliver_due(name):
                    return
            except Exception as error:
                _LOG.warning("outbox_unreadable", sink=name, error=str(error))
            await asyncio.sleep(wait * (0.75 + self._chance() / 2))
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    async def _find(self, name: str) -> Sink | None:
        release = self._sinks.release_of(name)
        if release is None:
            return self._sinks.sink(name)
        try:
            async with self._database.read() as connection:
                return self._sinks.own_sink(name, await read_release(connection, release))
        except NotFoundError:
            return None

    async def _prune(self) -> None:
        """Now and then only: each time takes the write lock that a rollback may want."""
        if self._clock.monotonic() < self._prune_at:
            return
        self._prune_at = self._clock.monotonic() + _PRUNE_SECONDS
        before = self._clock.now() - _KEEP_SENT
        await self._database.transact(lambda connection: outbox.prune(connection, before))

    async def _deliver(self, sink: Sink | None, row: OutboxRow) -> bool:
        try:
            if sink is None:
                raise NotFoundError(f"there is no sink {row.sink!r} any more")
            async with asyncio.timeout(_TIME_LIMIT_SECONDS):
                await sink.deliver(row)
        except Exception as error:  # whatever a sink raises means "not told"
            return await self._failed(row, error)
        now = self._clock.now()
        await self._database.transact(lambda connection: outbox.mark_sent(connection, [row.id], now))
        return True

    async def _failed(self, row: OutboxRow, error: Exception) -> bool:
        """Whether the next message may have its turn: once this one is given up."""
        now = self._clock.now()
        dead_at = now if now - row.created_at >= _GIVE_UP else None
        said = f"it took longer than {_TIME_LIMIT_SECONDS:g} s" if isinstance(error, TimeoutError) else str(error)
        _LOG.warning("event_not_delivered", sink=row.sink, event_name=row.event, error=said, is_dead=bool(dead_at))
        await self._database.transact(lambda connection: outbox.mark_failed(connection, row.id, said, dead_at))
        return dead_at is not None


async def _sleep_unless(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return
