"""The four timers of a request on one deadline of the shared wheel.

``connect`` is the pool's. The others never run side by side: first_token (or, without a stream, the wait for
the answer) until something worth having arrives, then idle, and total bounds both, or the share of it that a whole
answer has while somebody else could still be asked. So one deadline that knows why it was set is enough, and alarms
are used again: a deadline left behind in the wheel costs nothing.

While a request is nobody's task, its alarm calls back; once a task waits for it, the alarm cancels that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tidegate.gateway.http.timers import NEVER, Deadline, Wheel
from tidegate.gateway.rescue import Cause

# Reading a member through its class is slow.
_SILENT, _OUT_OF_TIME = Cause.SILENT, Cause.OUT_OF_TIME


class Alarm:
    """Cancels the task that serves a request when a timer runs out; :meth:`has_rung` tells it from a client
    that left.

    Attributes:
        cause: which timer ran out, or would be the next to.
        active_at: monotonic seconds when the upstream last sent something; the relay keeps it current.
        is_held: the client does not keep up, so the upstream's silence is not its own fault.
        task: that is cancelled; forgotten when the request is over, for a task that was cancelled holds all it was
            about, in the traceback of its end.
        on_ring: called instead, while there is no task to cancel.
    """

    __slots__ = (
        "_clock",
        "_deadline",
        "_due",
        "_has_rung",
        "_idle",
        "_late",
        "_loop",
        "_total_due",
        "active_at",
        "cause",
        "is_held",
        "on_ring",
        "task",
    )

    def __init__(self, wheel: Wheel) -> None:
        self._clock = wheel.clock
        self._deadline: Deadline = wheel.deadline(self._ring)
        self._loop = wheel.loop
        self.task: asyncio.Task[object] | None = None
        self._has_rung = False
        self._total_due = self._due = 0.0
        self._late = Cause.OUT_OF_TIME
        self._idle = 0.0
        self.cause = Cause.OUT_OF_TIME
        self.active_at = 0.0
        self.is_held = False
        self.on_ring: Callable[[], None] | None = None

    def begin(self, total: float) -> None:
        """A request begins in this task, or stable takes over from a candidate: ``total`` seconds from now."""
        self.attach()
        self._total_due = self._clock() + total
        self.claim_total()

    def begin_without_task(self, now: float, total: float, whole: float, on_ring: Callable[[], None]) -> None:
        """A request begins by callbacks, ``now`` on the wheel's clock; :meth:`watch_whole` for ``whole`` seconds."""
        self._has_rung = False
        self.on_ring = on_ring
        self._total_due = now + total
        self.watch_whole(now, whole)

    def attach(self) -> None:
        """Cancel this task from now on."""
        self.task = asyncio.current_task(self._loop)  # without the loop it would ask the kernel for our pid
        self._has_rung = False
        self.on_ring = None

    @property
    def left(self) -> float:
        """Seconds until total runs out."""
        return self._total_due - self._clock()

    def watch(self, cause: Cause, seconds: float) -> None:
        """Ring with ``cause`` in ``seconds``, or with ``OUT_OF_TIME`` when total comes first."""
        self._idle = 0.0
        self.claim_total()
        self._arm(cause, seconds)

    def watch_whole(self, now: float, seconds: float) -> None:
        """Ring with ``SILENT`` when a whole answer is not there ``seconds`` after ``now``, or with ``OUT_OF_TIME`` when
        total comes first; what is watched until the next attempt is bounded by it, too."""
        self._idle = 0.0
        due, late = now + seconds, _SILENT
        if due >= self._total_due:
            due, late = self._total_due, _OUT_OF_TIME
        self._due = due
        self._late = self.cause = late
        self._deadline.at(due)

    def claim_total(self) -> None:
        """Nobody else will be asked, so this answer has all the time that is left."""
        self._due, self._late = self._total_due, Cause.OUT_OF_TIME

    def watch_idle(self, idle: float) -> None:
        """Ring when ``active_at`` lies ``idle`` seconds back."""
        self._idle = idle
        self.is_held = False
        self.active_at = self._clock()
        self._arm(Cause.TIMED_OUT, idle)

    def rest(self) -> None:
        """Ring no more until the next watch; whoever gives an alarm back leaves it resting."""
        self._deadline.due = NEVER
        self.on_ring = None

    def has_rung(self) -> bool:
        """Whether the task was cancelled by this alarm and nobody else; asked once per cancellation."""
        if not self._has_rung or self.task is None:
            return False
        self._has_rung = False
        return self.task.uncancel() == 0

    def _ring(self) -> None:
        if self._idle and self.cause is Cause.TIMED_OUT:
            quiet = 0.0 if self.is_held else self._clock() - self.active_at
            if quiet < self._idle:
                self._arm(Cause.TIMED_OUT, self._idle - quiet)
                return
        if self.task is not None and not self.task.cancelling():
            self._has_rung = True
            self.task.cancel()
        elif self.on_ring is not None:
            self.on_ring()
        else:
            self._deadline.set(0.0)  # the task that takes over has not begun yet, or what was due before us comes first

    def _arm(self, cause: Cause, seconds: float) -> None:
        left = self._due - self._clock()
        self.cause = cause if seconds < left else self._late
        self._deadline.set(max(0.0, min(seconds, left)))


class Alarms:
    """Alarms of an event loop that wait for their next request."""

    __slots__ = ("_free", "_wheel")

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._free: list[Alarm] = []

    def take(self) -> Alarm:
        """An alarm for one request."""
        return self._free.pop() if self._free else Alarm(self._wheel)

    def give_back(self, alarm: Alarm) -> None:
        """The request is over."""
        alarm.task = None
        self._free.append(alarm)
