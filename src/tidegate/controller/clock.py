"""Time as a port: aware UTC instants for deadlines, a monotonic clock for durations."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

JUMP_TOLERANCE = timedelta(seconds=2)


class Clock(Protocol):
    """What the control plane knows of time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The present instant by the machine's wall clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to; both of its hands move together unless the wall jumps."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """The instant it was set to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds by which it was advanced, from 1000 on."""
        return self._monotonic

    def advance(self, by: timedelta) -> None:
        """Let ``by`` pass."""
        self._now += by
        self._monotonic += by.total_seconds()

    def jump(self, by: timedelta) -> None:
        """Set the wall clock forth or back; no time passes."""
        self._now += by


class JumpDetector:
    """Compares both clocks from one pass to the next.

    A wall clock that is set, or a machine that slept with its monotonic clock stopped, shows as a
    difference; small ones (slewing, scheduling between the two readings) are not jumps.
    """

    def __init__(self, clock: Clock, tolerance: timedelta = JUMP_TOLERANCE) -> None:
        self._clock = clock
        self._tolerance = tolerance
        self._wall, self._monotonic = clock.now(), clock.monotonic()

    def jump(self) -> timedelta:
        """By how much the wall clock ran ahead of (or behind) the monotonic one since the last call."""
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        difference = (wall - self._wall) - timedelta(seconds=monotonic - self._monotonic)
        self._wall, self._monotonic = wall, monotonic
        return difference if abs(difference) > self._tolerance else timedelta()
