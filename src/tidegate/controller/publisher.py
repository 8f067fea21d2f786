"""Publishes the routing table: whatever the database says, every gateway is told at once.

A snapshot's content is a pure function of the database (:mod:`tidegate.controller.routing_table`); its
revision is persisted and rises with each change. While this process may speak for the cluster it also
renews the gateways' leases; when it may not (it lost the lead, or cannot reach the database, so that it
could not roll back either) renewals stop and gateways return to stable alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.delivery.snapshot import AccessKey, Lease, LinkMessage, LogLevel, ServiceRoute, Snapshot
from tidegate.errors import InternalError
from tidegate.registry.cluster import ClusterRow, bump_revision, fence
from tidegate.registry.database import Database

RENEWAL_SECONDS = 1.0

ReadTable = Callable[[AsyncConnection], Awaitable[Snapshot]]
ReadSecrets = Callable[[], Mapping[str, str]]


class Publisher:
    """The snapshot in force and everybody who watches it.

    Args:
        read_table: reads the snapshot as the database stands, with the cluster row's revision and epoch.
        read_secrets: literals that the snapshot refers to as ``memory:NAME``.

    Attributes:
        log_level: asked of every gateway with each renewal; ``None`` leaves them as they were started.
    """

    def __init__(self, database: Database, clock: Clock, read_table: ReadTable, read_secrets: ReadSecrets) -> None:
        self._database = database
        self._clock = clock
        self._read_table = read_table
        self._read_secrets = read_secrets
        self._current: Snapshot | None = None
        self._line = b""
        self._since: dict[str, int] = {}  # by service: the revision that brought its present route
        self._leader: ClusterRow | None = None
        self._speaks_until = 0.0  # monotonic
        self._watchers: set[asyncio.Event] = set()
        self._refreshing = asyncio.Lock()
        self._asked = 0  # calls of refresh so far
        self._read_for = 0  # up to which of them the latest read began later
        self._is_closed = False
        self.log_level: LogLevel | None = None

    @property
    def current(self) -> Snapshot:
        """The snapshot in force.

        Raises:
            InternalError: nothing was published yet.
        """
        if self._current is None:
            raise InternalError("no snapshot was published yet")
        return self._current

    @property
    def is_ready(self) -> bool:
        """Whether a snapshot was published."""
        return self._current is not None

    @property
    def keys(self) -> tuple[AccessKey, ...]:
        """Access keys in force, none before the first snapshot."""
        return self._current.keys if self._current is not None else ()

    def revision_since(self, route: ServiceRoute) -> int | None:
        """The revision since which exactly ``route`` is in force for its service; ``None`` while another one is."""
        if self._current is None or self._current.services.get(route.name) != route:
            return None
        return self._since[route.name]

    def speak_for(self, row: ClusterRow, is_leading: bool, seconds: float) -> None:
        """This process knows for ``seconds`` that the cluster is led, by itself or by another process."""
        self._leader = row if is_leading else None
        self._speaks_until = self._clock.monotonic() + seconds

    def fall_silent(self) -> None:
        """Renew no lease until :meth:`speak_for` is called again."""
        self._leader = None
        self._speaks_until = 0.0

    async def refresh(self) -> Snapshot:
        """Publish what the database says, if it differs from what is in force.

        A change that brought no revision of its own (a provider, a key, a service) gets one here, when
        this process leads; otherwise the leader will give it one.

        Raises:
            StaleLeaderError: somebody else took over.
        """
        self._asked += 1
        ticket = self._asked
        async with self._refreshing:
            if self._current is None or self._read_for < ticket:
                covered = self._asked  # everybody who asks until here is answered by the read below
                await self._publish()
                self._read_for = covered
            return self.current

    async def watch(self, on_sent: Callable[[], None] = lambda: None) -> AsyncIterator[bytes]:
        """Lines of :class:`LinkMessage`: the snapshot in force, each later one, and renewals between them.

        A slow reader is never behind: it skips to the newest. Ends when the publisher is closed.

        Args:
            on_sent: called with each line, each of which lets the reader serve on for one lease.
        """
        news = asyncio.Event()
        self._watchers.add(news)
        told = b""
        try:
            while not self._is_closed:
                news.clear()
                if told is not self._line:
                    told = self._line
                    on_sent()
                    yield told
                elif (renewal := self._renewal()) is not None:
                    on_sent()
                    yield renewal
                if not news.is_set():
                    await _wait(news, RENEWAL_SECONDS)
        finally:
            self._watchers.discard(news)

    def close(self) -> None:
        """End every watch."""
        self._is_closed = True
        self._wake()

    async def _publish(self) -> None:
        table = await self._read()
        if self._current is not None and _is_unnumbered_change(self._current, table):
            if self._leader is None:
                return
            await self._number(self._leader)
            table = await self._read()
        self._put_in_force(table)

    async def _read(self) -> Snapshot:
        async with self._database.read() as connection:
            return await self._read_table(connection)

    async def _number(self, row: ClusterRow) -> None:
        async def bump(connection: AsyncConnection) -> None:
            await fence(connection, row.leader, row.epoch)
            await bump_revision(connection)

        await self._database.transact(bump)

    def _put_in_force(self, table: Snapshot) -> None:
        secrets = dict(self._read_secrets())
        line = msgspec.json.encode(LinkMessage(snapshot=table, secrets=secrets)) + b"\n"
        if line == self._line:
            return
        self._since = _since(self._current, self._since, table)
        self._current, self._line = table, line
        self._wake()

    def _wake(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    def _renewal(self) -> bytes | None:
        if self._current is None or self._clock.monotonic() >= self._speaks_until:
            return None
        lease = Lease(
            revision=self._current.revision,
            epoch=self._current.epoch,
            seconds=self._current.lease_seconds,
            log_level=self.log_level,
        )
        return msgspec.json.encode(LinkMessage(lease=lease)) + b"\n"


def _is_unnumbered_change(current: Snapshot, table: Snapshot) -> bool:
    same_number = (current.epoch, current.revision) == (table.epoch, table.revision)
    return same_number and current != table


def _since(before: Snapshot | None, since: Mapping[str, int], table: Snapshot) -> dict[str, int]:
    """Another epoch counts as another route: gateways acknowledge within the epoch that asks."""
    is_same_epoch = before is not None and before.epoch == table.epoch
    return {
        name: since[name] if is_same_epoch and before and before.services.get(name) == route else table.revision
        for name, route in table.services.items()
    }


async def _wait(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return
