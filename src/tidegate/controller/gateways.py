"""Which gateways serve, from what they say of themselves each second.

A gateway that falls silent may still serve its last snapshot until its lease runs out, so it stays in
every quorum exactly that long; one that says it is stopping leaves at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from tidegate.controller.clock import Clock
from tidegate.delivery.snapshot import Cutoff, Heartbeat

FORGET_AFTER_SECONDS = 600.0


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


class _Entry(msgspec.Struct):
    heartbeat: Heartbeat
    heard_at: datetime
    heard_monotonic: float


class GatewayRegistry:
    """The latest heartbeat of each gateway process.

    Args:
        lease_seconds: how long a snapshot holds without renewal.
        grace_seconds: what a renewal may have been under way, and its clock may differ.
    """

    def __init__(self, clock: Clock, lease_seconds: float, grace_seconds: float = 2.0) -> None:
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._quorum_seconds = lease_seconds + grace_seconds
        self._entries: dict[str, _Entry] = {}

    def hear(self, heartbeat: Heartbeat) -> bool:
        """Take a heartbeat; ``True`` if the controller has a reason to look at once.

        A reason is another acknowledged revision, another process under the same name, a cut-off, a
        departure, or the last request of a version being finished.
        """
        before = self._entries.get(heartbeat.gateway)
        self._entries[heartbeat.gateway] = _Entry(heartbeat, self._clock.now(), self._clock.monotonic())
        return before is None or _is_news(before.heartbeat, heartbeat)

    def views(self) -> list[GatewayView]:
        """Every known gateway by id; those that left long ago are forgotten."""
        now = self._clock.monotonic()
        for gateway, entry in list(self._entries.items()):
            if now - entry.heard_monotonic > FORGET_AFTER_SECONDS:
                del self._entries[gateway]
        return [self._view(entry, now) for _, entry in sorted(self._entries.items())]

    def live(self) -> list[GatewayView]:
        """Those that may be serving now."""
        return [view for view in self.views() if view.is_live]

    def reachable(self) -> list[GatewayView]:
        """Those that were heard of within the lease, so that a request to them should be answered."""
        return [view for view in self.live() if view.silent_seconds < self._lease_seconds]

    def acknowledged(self, revision: int, epoch: int) -> bool:
        """Whether every live gateway serves ``revision`` of ``epoch`` or a later one; true without any."""
        return all(view.heartbeat.epoch >= epoch and view.heartbeat.revision >= revision for view in self.live())

    def cutoffs(self, releases: Iterable[str] | None = None) -> list[tuple[str, Cutoff]]:
        """(gateway, cut-off) of the live gateways, optionally of some releases."""
        wanted = None if releases is None else set(releases)
        return [
            (view.heartbeat.gateway, cutoff)
            for view in self.live()
            for cutoff in view.heartbeat.cutoffs
            if wanted is None or cutoff.release in wanted
        ]

    def latest_seen(self) -> tuple[int, int]:
        """The highest (epoch, revision) any live gateway serves; (0, 0) without any."""
        return max(((view.heartbeat.epoch, view.heartbeat.revision) for view in self.live()), default=(0, 0))

    def _view(self, entry: _Entry, now: float) -> GatewayView:
        silent = now - entry.heard_monotonic
        return GatewayView(
            heartbeat=entry.heartbeat,
            heard_at=entry.heard_at,
            silent_seconds=silent,
            is_live=not entry.heartbeat.stopping and silent <= self._quorum_seconds,
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
