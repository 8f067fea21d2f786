"""Why providers could not be asked, for operators: a client is told only that it was so.

A provider that is away fails every request, so a reason is told when it comes up and then once a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable

QUIET_SECONDS = 60.0


class Complaints:
    """Hears of every connection that failed, and tells each reason in a sentence, seldom.

    Args:
        tell: takes the sentence.
        clock: monotonic seconds.
    """

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._told: dict[tuple[str, type[Exception]], tuple[float, int]] = {}

    def hear(self, provider: str, error: Exception) -> None:
        """A request to ``provider`` failed by ``error`` before it had an answer."""
        now, key = self._clock(), (provider, type(error))
        told_at, unsaid = self._told.get(key, (-QUIET_SECONDS, 0))
        if now - told_at < QUIET_SECONDS:
            self._told[key] = told_at, unsaid + 1
            return
        self._told[key] = now, 0
        more = f" ({unsaid} more of the kind were not told)" if unsaid else ""
        self._tell(f"The provider {provider!r} could not be asked: {error}{more}")
