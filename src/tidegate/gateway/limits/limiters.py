"""Every limited key of one gateway process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tidegate.gateway.limits.limiter import Limiter

if TYPE_CHECKING:
    from tidegate.delivery.limits.lending import KeyGrant, KeyUse
    from tidegate.delivery.snapshot import AccessKey

MOST_TOLD = 500
"""Keys of one heartbeat; more of them take turns."""


class Limiters:
    """Limiters by key name.

    Args:
        is_led: whether control still renews our lease.
        clock: monotonic seconds.
    """

    def __init__(self, is_led: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._is_led = is_led
        self._clock = clock
        self._limiters: dict[str, Limiter] = {}

    def keep(self, keys: Iterable[AccessKey]) -> None:
        """A new table is in force: keys keep what they have used, those without limits have no limiter."""
        limited = {key.name: key.limits for key in keys if key.limits is not None}
        for name in self._limiters.keys() - limited.keys():
            del self._limiters[name]
        for name, limits in limited.items():
            known = self._limiters.get(name)
            if known is None:
                self._limiters[name] = Limiter(name, limits, self._clock, self._is_led)
            elif known.limits != limits:
                known.declare(limits)

    def of(self, key: str) -> Limiter | None:
        """The limiter of a key, ``None`` where nothing limits it."""
        return self._limiters.get(key)

    def every(self) -> Iterable[Limiter]:
        """For telemetry."""
        return self._limiters.values()

    def uses(self, now_us: int) -> tuple[KeyUse, ...]:
        """For the heartbeat: also of keys that nobody has used yet, for they need their slices before."""
        told = list(self._limiters)[:MOST_TOLD]
        if len(self._limiters) > MOST_TOLD:
            for name in told:
                self._limiters[name] = self._limiters.pop(name)  # to the end: the others are next
        return tuple(self._limiters[name].use(now_us) for name in told)

    def take_grants(self, grants: Iterable[KeyGrant]) -> None:
        """Slices that control lends."""
        for granted in grants:
            limiter = self._limiters.get(granted.key)
            if limiter is not None:
                limiter.grant(granted)
