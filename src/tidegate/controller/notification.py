"""Delivers the outbox: each sink in its own order and at its own pace, at least once.

A sink that hangs or fails delays nobody else: it has its own task, a time limit and growing waits. Built-in
is the log, which also carries the audit head away from the database that it vouches for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import structlog

from tidegate.controller.clock import Clock
from tidegate.registry import outbox
from tidegate.registry.database import Database
from tidegate.registry.outbox import OutboxRow

_LOG = structlog.get_logger("tidegate.events")
_TIME_LIMIT_SECONDS = 10.0
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
_KEEP_SENT = timedelta(days=7)
_PRUNE_SECONDS = 600.0


class Sink(Protocol):
    """Somewhere events are told."""

    name: str

    async def deliver(self, row: OutboxRow) -> None:
        """Tell ``row``; any exception means it was not told and will be tried again."""


class LogSink:
    """One structured log line for each event."""

    name = "log"

    async def deliver(self, row: OutboxRow) -> None:
        """Write the line."""
        fields = {key: value for key, value in row.payload.items() if key != "event"}
        _LOG.info(row.event, dedupe_key=row.dedupe_key, queued_at=row.created_at.isoformat(), **fields)


BUILT_IN_SINKS: dict[str, type[LogSink]] = {LogSink.name: LogSink}


class Notifier:
    """Sends what the outbox holds to ``sinks``; :meth:`wake` says that there is something new."""

    def __init__(self, database: Database, clock: Clock, sinks: Sequence[Sink]) -> None:
        self._database = database
        self._clock = clock
        self._sinks = {sink.name: sink for sink in sinks}
        self._prune_at = 0.0  # monotonic
        self._news = {name: asyncio.Event() for name in self._sinks}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sinks, for those who put events into the outbox."""
        return tuple(self._sinks)

    def wake(self) -> None:
        """Look at the outbox now."""
        for news in self._news.values():
            news.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._sinks:
                group.create_task(self._run_sink(name), name=f"notify-{name}")

    async def deliver_due(self, name: str) -> bool:
        """Send what is due to one sink, oldest first; ``False`` when one could not be told."""
        async with self._database.read() as connection:
            rows = await outbox.due(connection, name)
        for row in rows:
            if not await self._deliver(self._sinks[name], row):
                return False
        return True

    async def _run_sink(self, name: str) -> None:
        wait = _FIRST_WAIT_SECONDS
        news = self._news[name]
        while True:
            news.clear()
            try:
                is_told = await self.deliver_due(name)
                await self._prune()
            except Exception as error:  # the database may be away; the outbox keeps
                _LOG.warning("outbox_unreadable", sink=name, error=str(error))
                is_told = False
            wait = _FIRST_WAIT_SECONDS if is_told else min(wait * 2, _LONGEST_WAIT_SECONDS)
            if is_told:
                await _sleep_unless(news, _LONGEST_WAIT_SECONDS)
            else:
                await asyncio.sleep(wait)

    async def _prune(self) -> None:
        """Now and then only: each time takes the write lock that a rollback may want."""
        if self._clock.monotonic() < self._prune_at:
            return
        self._prune_at = self._clock.monotonic() + _PRUNE_SECONDS
        before = self._clock.now() - _KEEP_SENT
        await self._database.transact(lambda connection: outbox.prune(connection, before))

    async def _deliver(self, sink: Sink, row: OutboxRow) -> bool:
        try:
            async with asyncio.timeout(_TIME_LIMIT_SECONDS):
                await sink.deliver(row)
        except Exception as error:  # whatever a sink raises means "not told"
            _LOG.warning("event_not_delivered", sink=sink.name, event_name=row.event, error=str(error))
            await self._database.transact(lambda connection: outbox.mark_failed(connection, row.id))
            return False
        now = self._clock.now()
        await self._database.transact(lambda connection: outbox.mark_sent(connection, [row.id], now))
        return True


async def _sleep_unless(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return
