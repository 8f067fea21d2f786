"""A wheel that a test turns by hand: time passes when it says so, and nothing depends on the machine."""

from __future__ import annotations

import asyncio

from tidegate.gateway.http.timers import Wheel

TICK = 0.01


class HandWheel(Wheel):
    """Turns as the event loop would turn it, on a clock of its own."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.turn_at: float | None = None
        super().__init__(tick=TICK, clock=lambda: self.seconds)

    def _turn_later(self, now: float) -> None:
        self._late_at = now + 2 * TICK
        self.turn_at = now + TICK

    def stand_still(self, seconds: float) -> None:
        """Time passes, and the loop does nothing."""
        self.seconds += seconds

    def turn(self) -> None:
        """One turn, if the wheel asked for one."""
        if self.turn_at is not None:
            self.turn_at = None
            self._turn()

    async def advance(self, seconds: float) -> None:
        """Time passes tick by tick, and tasks run after each."""
        until = self.seconds + seconds
        while self.turn_at is not None and self.turn_at <= until:
            self.seconds = max(self.seconds, self.turn_at)
            self.turn()
            for _ in range(5):
                await asyncio.sleep(0)
        self.seconds = until

    async def keep_turning(self) -> None:
        """Time passes as quickly as the loop lets it, until this is cancelled."""
        while True:
            await self.advance(TICK)
            await asyncio.sleep(0)
