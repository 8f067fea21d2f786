"""All timeouts of one event loop by one coarse wheel.

A loop timer per request costs more than the request's own parsing. Here a deadline is an attribute
store: moving it later leaves it in its old bucket, and the wheel looks again when that bucket is due.
Deadlines never fire early and at most two ticks late. The wheel sleeps while nothing is armed.

When the loop itself stood still (a paused machine, a process without a core), what peers sent meanwhile
lies unread in the kernel, and their silence is ours. So a turn that comes late looks at nothing yet:
sockets are read for one tick first, and whoever has sent something moves its deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

NEVER = float("inf")
"""When a deadline that is not set is due; compared by identity."""


class Deadline:
    """One re-usable alarm of a :class:`Wheel`; arm it with :meth:`set`, disarm it with :meth:`clear`.

    The attributes belong to the wheel: ``due`` on its clock, and the ``bucket`` that holds it (-1: none).
    """

    __slots__ = ("_wheel", "bucket", "callback", "due")

    def __init__(self, wheel: Wheel, callback: Callable[[], None]) -> None:
        self._wheel = wheel
        self.callback = callback
        self.due = NEVER
        self.bucket = -1

    @property
    def is_set(self) -> bool:
        """Whether it will fire."""
        return self.due is not NEVER

    def set(self, seconds: float) -> None:
        """Fire ``seconds`` from now, instead of any earlier plan."""
        self.at(self._wheel.clock() + seconds)  # the time of the last turn lags, and a busy loop lets it lag far

    def at(self, due: float) -> None:
        """Fire at ``due`` on the wheel's clock, instead of any earlier plan."""
        wheel = self._wheel
        self.due = due
        if 0 <= self.bucket <= due * wheel.per_second:
            return  # it is looked at in time
        if not wheel.is_running:
            wheel.start()
        bucket = int(due * wheel.per_second) + 1
        if self.bucket < 0 or bucket < self.bucket:
            wheel.put(self, bucket)

    def clear(self) -> None:
        """Do not fire. Cheap, and harmless when it is not set."""
        self.due = NEVER

    cancel = clear

    def drop(self) -> None:
        """Never fire again. The wheel may hold it for long, so it lets go of what it would have called."""
        self.due = NEVER
        self.callback = _nothing


def _nothing() -> None:
    """What a dropped deadline calls: its owner, by whom it would be held in a cycle, is gone."""


class Wheel:
    """Deadlines of one event loop, looked at every ``tick`` seconds.

    Attributes:
        clock: monotonic seconds; not the loop's, which stands still while a callback runs.
        now: the clock at the last tick; exact to one tick while any deadline is armed.
        loop: the event loop.
        is_running: whether it ticks; it sleeps while nothing is armed.
        per_second: ticks in a second.
    """

    __slots__ = (
        "_buckets",
        "_is_catching_up",
        "_late_at",
        "_next",
        "_tick",
        "clock",
        "is_running",
        "loop",
        "now",
        "per_second",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        tick: float = 0.05,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loop = loop or asyncio.get_running_loop()
        self.clock = clock
        self._tick = tick
        self.per_second = 1.0 / tick
        self._buckets: dict[int, list[Deadline]] = {}
        self.is_running = False
        self._is_catching_up = False
        self._late_at = NEVER
        self._next = 0
        self.now = self.clock()

    def after(self, seconds: float, callback: Callable[[], None]) -> Deadline:
        """Call ``callback`` once, ``seconds`` from now, unless cleared before."""
        deadline = Deadline(self, callback)
        deadline.set(seconds)
        return deadline

    def deadline(self, callback: Callable[[], None]) -> Deadline:
        """A deadline that is not armed yet, to be set and cleared many times."""
        return Deadline(self, callback)

    def timeout(self, seconds: float) -> Timeout:
        """``async with wheel.timeout(s):`` cancels the block after ``s`` seconds and raises ``TimeoutError``."""
        return Timeout(self, seconds)

    def read(self) -> float:
        """The monotonic clock, exact to one tick even while nothing is armed."""
        if not self.is_running:
            self.now = self.clock()
        return self.now

    def put(self, deadline: Deadline, bucket: int) -> None:
        """Have ``deadline`` looked at with ``bucket``; called by deadlines."""
        deadline.bucket = bucket
        held = self._buckets.get(bucket)
        if held is None:
            self._buckets[bucket] = [deadline]
        else:
            held.append(deadline)

    def start(self) -> None:
        """Wake up; called by the first deadline."""
        self.is_running = True
        self.now = self.clock()
        self._next = int(self.now * self.per_second)
        self._turn_later(self.now)

    def _turn_later(self, now: float) -> None:
        self._late_at = now + 2 * self._tick
        self.loop.call_later(self._tick, self._turn)

    def _turn(self) -> None:
        self.now = now = self.clock()
        if now > self._late_at and not self._is_catching_up:
            self._is_catching_up = True  # once for each stall: a loop that is always late still has timers
            self._turn_later(now)
            return
        self._is_catching_up = False
        last = int(now * self.per_second)
        for bucket in range(self._next, last + 1):
            held = self._buckets.pop(bucket, None)
            if held is not None:
                for deadline in held:
                    self._look(deadline, bucket, now)
        self._next = last + 1
        if self._buckets:
            self._turn_later(now)
        else:
            self.is_running = False

    def _look(self, deadline: Deadline, bucket: int, now: float) -> None:
        if deadline.bucket != bucket:  # it was moved to an earlier bucket
            return
        deadline.bucket = -1
        due = deadline.due
        if due is NEVER:
            return
        if due > now:
            self.put(deadline, int(due * self.per_second) + 1)
            return
        deadline.due = NEVER
        try:
            deadline.callback()
        except Exception as error:  # one bad callback must not stop all timers
            self.loop.call_exception_handler({"message": "a deadline's callback failed", "exception": error})


class Timeout:
    """What :meth:`Wheel.timeout` returns: ``asyncio.timeout`` without a loop timer."""

    __slots__ = ("_cancelling", "_deadline", "_task", "is_expired")

    def __init__(self, wheel: Wheel, seconds: float) -> None:
        self._deadline = wheel.after(seconds, self._expire)
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.is_expired = False

    def reset(self, seconds: float) -> None:
        """Expire ``seconds`` from now instead."""
        if not self.is_expired:
            self._deadline.set(seconds)

    def clear(self) -> None:
        """Do not expire any more."""
        self._deadline.clear()

    def _expire(self) -> None:
        self.is_expired = True
        if self._task is not None:
            self._task.cancel()

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._task is None:
            msg = "wheel.timeout needs a running task"
            raise RuntimeError(msg)
        self._cancelling = self._task.cancelling()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadline.drop()
        task, self._task = self._task, None
        if not self.is_expired or task is None:
            return
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
