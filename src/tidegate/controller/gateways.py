"""Which gateways serve, from what they say of themselves each second.

A gateway that falls silent may still serve its last snapshot until its lease runs out, so it stays in
every quorum exactly that long; one that says it is stopping leaves at once, though its last requests still
count as under way.

A gateway's id may belong to two processes for a while: one drains, the other has taken its place. Each is
known by its boot. The earlier one counts as long as it speaks, and not for a lease: either it drains, or it
crashed and the other one is its restart.

After a takeover those that
followed the leader before are reckoned with as well, until they are heard of or their leases have run out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from tidegate.controller.clock import Clock
from tidegate.delivery.facts import GatewayFact, may_serve
from tidegate.delivery.snapshot import Cutoff, Heartbeat

FORGET_AFTER_SECONDS = 600.0


_Process = tuple[str, str]  # id and boot


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway as control sees it.

    Attributes:
        is_live: it counts in the quorum: its lease may still hold.
        silent_seconds: since its last heartbeat.
    """

    heartbeat: Heartbeat
    heard_at: datetime
    silent_seconds: float
    is_live: bool


class Processes(NamedTuple):
    """Gateway processes that may be using something.

    Attributes:
        known: boot ids of those that have spoken to this control process.
        unheard: how many more there may be, which followed the leader before it.
    """

    known: frozenset[str]
    unheard: int


class _Entry(msgspec.Struct):
    heartbeat: Heartbeat
    heard_at: datetime
    heard: float  # monotonic
    is_replaced: bool = False  # another process has come under its id


class GatewayRegistry:
    """The latest heartbeat of each gateway process.

    Args:
        lease_seconds: how long a snapshot holds without renewal.
        grace_seconds: what a heartbeat or a renewal may be late, or clocks may differ.
    """

    def __init__(self, clock: Clock, lease_seconds: float, grace_seconds: float = 2.5) -> None:
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._grace = timedelta(seconds=grace_seconds)
        self._entries: dict[_Process, _Entry] = {}
        self._renewed: dict[_Process, float] = {}  # monotonic
        self._unheard: frozenset[str] = frozenset()
        self._unheard_until = -math.inf

    @property
    def longest_silence(self) -> timedelta:
        """How long a process may serve without being heard of."""
        return self._lease + self._grace

    def reckon_with(self, gateways: Iterable[str]) -> None:
        """These followed the leader before us and may not have found us yet."""
        self._unheard = frozenset(gateways)
        self._unheard_until = self._clock.monotonic() + self.longest_silence.total_seconds()

    def roster(self) -> tuple[str, ...]:
        """Ids of everybody who may be serving, for the next leader to reckon with."""
        return tuple(sorted({view.heartbeat.gateway for view in self.live()} | self._still_unheard()))

    def _still_unheard(self) -> frozenset[str]:
        if self._clock.monotonic() > self._unheard_until:
            return frozenset()
        return self._unheard - {gateway for gateway, _ in self._entries}

    def renewed(self, gateway: str, boot_id: str) -> None:
        """A line that lets this process of ``gateway`` serve on for one lease is being sent to it."""
        self._renewed[gateway, boot_id] = self._clock.monotonic()

    def hear(self, heartbeat: Heartbeat) -> bool:
        """Take a heartbeat; ``True`` if the controller has a reason to look at once.

        A reason is another acknowledged revision, another process under the same name, a cut-off, a
        departure, or the last request of a version being finished.
        """
        process = heartbeat.gateway, heartbeat.boot_id
        before = self._entries.get(process)
        if before is None:
            self._replace_earlier(heartbeat.gateway)
        is_replaced = before is not None and before.is_replaced
        self._entries[process] = _Entry(heartbeat, self._clock.now(), self._clock.monotonic(), is_replaced)
        return before is None or _is_news(before.heartbeat, heartbeat)

    def _replace_earlier(self, gateway: str) -> None:
        for (name, _), entry in self._entries.items():
            if name == gateway:
                entry.is_replaced = True

    def views(self) -> list[GatewayView]:
        """Every known gateway by id; those that left long ago, or made room for another, are forgotten."""
        now = self._clock.monotonic()
        for process, entry in list(self._entries.items()):
            kept_seconds = self._grace.total_seconds() if entry.is_replaced else FORGET_AFTER_SECONDS
            if now - entry.heard > kept_seconds:
                del self._entries[process]
                self._renewed.pop(process, None)
        return [self._view(entry, now) for _, entry in sorted(self._entries.items())]

    def live(self) -> list[GatewayView]:
        """Those that may be serving now."""
        return [view for view in self.views() if view.is_live]

    def reachable(self) -> list[GatewayView]:
        """Those that were heard of just now, so that a request to them should be answered."""
        return [view for view in self.live() if self._is_heard(view)]

    def processes(self) -> Processes:
        """Who may be using something: those that may be serving, and those that drain."""
        boots = (view.heartbeat.boot_id for view in self.views() if view.is_live or self._is_heard(view))
        return Processes(frozenset(boots), len(self._still_unheard()))

    def _is_heard(self, view: GatewayView) -> bool:
        return view.silent_seconds <= self._grace.total_seconds()

    def facts(self) -> tuple[GatewayFact, ...]:
        """What decisions need of each gateway; an unheard one is one that acknowledges nothing."""
        unheard = (GatewayFact(id=gateway, revision=0, epoch=0) for gateway in sorted(self._still_unheard()))
        return (*(self._fact(view) for view in self.views()), *unheard)

    def cutoffs(self) -> tuple[Cutoff, ...]:
        """Candidates that some live gateway stopped using."""
        return tuple(cutoff for view in self.live() for cutoff in view.heartbeat.cutoffs)

    def latest_seen(self) -> tuple[int, int]:
        """The highest (epoch, revision) any live gateway serves; (0, 0) without any."""
        return max(((view.heartbeat.epoch, view.heartbeat.revision) for view in self.live()), default=(0, 0))

    def _view(self, entry: _Entry, now: float) -> GatewayView:
        heartbeat = entry.heartbeat
        silent = now - entry.heard
        renewed = self._renewed.get((heartbeat.gateway, heartbeat.boot_id), entry.heard)
        return GatewayView(
            heartbeat=heartbeat,
            heard_at=entry.heard_at,
            silent_seconds=silent,
            is_live=may_serve(
                silent_for=timedelta(seconds=silent),
                since_renewal=timedelta(seconds=now - renewed),
                lease=self._lease,
                grace=self._grace,
                is_stopping=heartbeat.stopping,
            ),
        )

    def _fact(self, view: GatewayView) -> GatewayFact:
        heartbeat = view.heartbeat
        return GatewayFact(
            id=heartbeat.gateway,
            revision=heartbeat.revision,
            epoch=heartbeat.epoch,
            is_live=view.is_live,
            is_draining=heartbeat.stopping and self._is_heard(view),
            in_flight=heartbeat.in_flight,
            spool_batches=heartbeat.spool_batches,
        )


def _is_news(before: Heartbeat, after: Heartbeat) -> bool:
    if (before.boot_id, before.epoch, before.revision, before.stopping, before.cutoffs) != (
        after.boot_id,
        after.epoch,
        after.revision,
        after.stopping,
        after.cutoffs,
    ):
        return True
    return any(after.in_flight.get(version, 0) == 0 < count for version, count in before.in_flight.items())
