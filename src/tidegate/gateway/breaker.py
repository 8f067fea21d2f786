"""The breaker of one deployment (address, model, credential): admitting, probing or blocking.

    admitting --(threshold failures in a row)--> blocking --(back-off over)--> probing
    probing   --(the probe succeeds)----------> admitting
    probing   --(the probe fails)-------------> blocking, with twice the back-off

It only counts what speaks against the deployment itself: no connection, reset, time-out, 5xx, a rejected
credential or model. A caller's own mistake is none of its business. The caller of :meth:`admits` decides
what happens when every deployment of a request is blocking; see ``rescue.least_bad``.
"""

from __future__ import annotations

from typing import Literal

State = Literal["admitting", "probing", "blocking"]

THRESHOLD = 5
FIRST_BACK_OFF_SECONDS = 1.0
LONGEST_BACK_OFF_SECONDS = 30.0


class Breaker:
    """Counts failures in a row; times are monotonic seconds.

    Args:
        threshold: failures in a row after which it blocks.
        first_back_off: seconds of the first block; each failed probe doubles it.
        longest_back_off: where the doubling ends.

    Attributes:
        failures: in a row.
        is_admitting: its state is *admitting*; the hot path asks no more than this.
    """

    __slots__ = (
        "_back_off",
        "_first_back_off",
        "_is_probe_out",
        "_longest",
        "_threshold",
        "blocked_until",
        "failures",
        "is_admitting",
    )

    def __init__(
        self,
        threshold: int = THRESHOLD,
        first_back_off: float = FIRST_BACK_OFF_SECONDS,
        longest_back_off: float = LONGEST_BACK_OFF_SECONDS,
    ) -> None:
        self._threshold = threshold
        self._first_back_off = self._back_off = first_back_off
        self._longest = longest_back_off
        self._is_probe_out = False
        self.failures = 0
        self.is_admitting = True
        self.blocked_until = 0.0

    def state(self, now: float) -> State:
        """What it does with a request that comes at ``now``."""
        if self.is_admitting:
            return "admitting"
        return "probing" if now >= self.blocked_until else "blocking"

    def admits(self, now: float) -> bool:
        """Whether a request may go through; while probing, one at a time."""
        if self.is_admitting:
            return True
        return now >= self.blocked_until and not self._is_probe_out

    def enter(self, now: float) -> bool:
        """A request goes through, admitted or forced. Returns whether it is the probe."""
        if self.is_admitting or self._is_probe_out or now < self.blocked_until:
            return False
        self._is_probe_out = True
        return True

    def succeeded(self) -> None:
        """The deployment answered."""
        if self.failures:
            self.failures = 0
            self.is_admitting = True
            self._back_off = self._first_back_off
            self._is_probe_out = False

    def failed(self, now: float, *, is_probe: bool = False) -> None:
        """The deployment failed by its own fault.

        Failures of requests that were under way when it began to block neither prolong nor double the block.
        """
        if self.is_admitting:
            self.failures += 1
            if self.failures >= self._threshold:
                self.is_admitting = False
                self.blocked_until = now + self._back_off
        elif is_probe:
            self.failures += 1
            self._is_probe_out = False
            self._back_off = min(self._back_off * 2, self._longest)
            self.blocked_until = now + self._back_off

    def left(self, *, is_probe: bool) -> None:
        """The request ended without saying anything about the deployment (the client left, a caller's mistake)."""
        if is_probe:
            self._is_probe_out = False
