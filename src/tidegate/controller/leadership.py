"""Keeps or takes the lead, and makes sure that nobody who lost it writes or speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.publisher import Publisher
from tidegate.registry import cluster
from tidegate.registry.cluster import ClusterRow
from tidegate.registry.database import Database

_LOG = structlog.get_logger("tidegate.leadership")


async def _nothing() -> None:
    pass


class Leadership:
    """This process's claim to the lead.

    Args:
        leader: id of this process; never the id of another one, not even of its predecessor.
        on_lead: called when the lead was taken, before anything is decided: what others committed meanwhile.
        is_sole: the storage belongs to one control process, so whoever led before is dead: take over at once.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        publisher: Publisher,
        gateways: GatewayRegistry,
        *,
        leader: str,
        lease: timedelta,
        is_sole: bool,
        on_lead: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._on_lead = on_lead
        self._database = database
        self._clock = clock
        self._publisher = publisher
        self._gateways = gateways
        self.leader = leader
        self._lease = lease
        self._is_forced = is_sole
        self._held: ClusterRow | None = None
        self._renew_at = 0.0  # monotonic
        self._held_until = 0.0  # monotonic

    @property
    def epoch(self) -> int | None:
        """While leading, with which epoch."""
        return None if self._held is None else self._held.epoch

    @property
    def is_certain(self) -> bool:
        """Whether nobody else can have taken the lead since it was renewed."""
        return self._held is not None and self._clock.monotonic() < self._held_until

    async def keep(self) -> int | None:
        """Renew, take over or learn that another leads; returns the epoch while leading.

        Called in each pass; it writes only when a third of the lease is over or a gateway came or went.
        """
        if self._held is not None and not self._is_renewal_due(self._held):
            return self._held.epoch
        now, began, above = self._clock.now(), self._clock.monotonic(), self._remembered_by_gateways()
        before = self._held
        if before is None and not self._is_forced and await self._is_led_by_another(now):
            await self._follow()
            return None

        async def renew(connection: AsyncConnection) -> ClusterRow | None:
            row = await cluster.lead(connection, self.leader, now, self._lease, is_forced=self._is_forced, above=above)
            if row is None or self._held is None:
                return row  # a new leader first learns who followed the one before
            await cluster.save_gateways(connection, self._gateways.roster())
            return msgspec.structs.replace(row, gateways=self._gateways.roster())

        taken = await self._database.transact(renew)
        self._is_forced = False
        if taken is None:
            await self._follow()
            return None
        self._held = taken
        self._renew_at = self._clock.monotonic() + self._lease.total_seconds() / 3
        self._held_until = began + self._lease.total_seconds()
        self._publisher.speak_for(taken, is_leading=True, seconds=self._lease.total_seconds())
        if before is None or before.epoch != taken.epoch:
            self._begin(taken)
            await self._on_lead()
        return taken.epoch

    def lose(self) -> None:
        """Somebody else took over."""
        if self._held is not None:
            _LOG.warning("lead_lost", leader=self.leader, epoch=self._held.epoch)
        self._held = None
        self._publisher.fall_silent()

    async def resign(self) -> None:
        """Hand the lead over on a planned stop."""
        if self._held is None:
            return
        self._held = None
        now = self._clock.now()
        await self._database.transact(lambda connection: cluster.resign(connection, self.leader, now))

    def _begin(self, row: ClusterRow) -> None:
        _LOG.info("lead_taken", leader=self.leader, epoch=row.epoch, revision=row.revision)
        self._gateways.reckon_with(row.gateways)

    async def _is_led_by_another(self, now: datetime) -> bool:
        """Looked at without the write lock, since whoever only stands by looks each second."""
        async with self._database.read() as connection:
            row = await cluster.read_cluster(connection)
        return row is not None and row.leader != self.leader and row.lease_until > now

    async def _follow(self) -> None:
        self.lose()
        async with self._database.read() as connection:
            row = await cluster.read_cluster(connection)
        if row is not None and row.lease_until > self._clock.now():
            remaining = row.lease_until - self._clock.now()
            self._publisher.speak_for(row, is_leading=False, seconds=remaining.total_seconds())

    def _is_renewal_due(self, held: ClusterRow) -> bool:
        is_behind = self._remembered_by_gateways() is not None
        return is_behind or self._clock.monotonic() >= self._renew_at or self._gateways.roster() != held.gateways

    def _remembered_by_gateways(self) -> ClusterRow | None:
        """A later history than ours that some gateway serves: the database was restored from a backup."""
        epoch, revision = self._gateways.latest_seen()
        if self._held is None or epoch <= self._held.epoch:
            return None
        return msgspec.structs.replace(self._held, epoch=epoch, revision=revision)
