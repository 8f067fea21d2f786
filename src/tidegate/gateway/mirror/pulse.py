"""How busy this process is: users first, copies only with what is left."""

from __future__ import annotations

import time
from collections.abc import Callable

BUSY = 0.7
"""Share of one core from which nothing is copied. One event loop has no more than one core."""
_EVERY = 0.2


class Pulse:
    """The share of a core that the process used lately; looked at only when somebody wants to copy.

    Args:
        clock: monotonic seconds.
        used: seconds of CPU that the process has used.
    """

    __slots__ = ("_at", "_clock", "_spent", "_used", "share")

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, used: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._used = used
        self._at = clock()
        self._spent = used()
        self.share = 0.0

    def is_busy(self) -> bool:
        """Whether users need what there is."""
        now = self._clock()
        passed = now - self._at
        if passed >= _EVERY:
            spent = self._used()
            self.share = (spent - self._spent) / passed
            self._at, self._spent = now, spent
        return self.share >= BUSY
