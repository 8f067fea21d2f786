"""How far a busy machine kept the event loop from its work, so that a measurement it spoilt is taken again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_BEAT_SECONDS = 0.02


class Noise:
    """A beat on the loop, and by how much it came late.

    Attributes:
        lost: seconds of lateness so far; the difference of two readings belongs to the time between them.
    """

    def __init__(self) -> None:
        self.lost = 0.0
        self._next_beat: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def listen(self) -> None:
        """Beat for ever."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)
            late = time.monotonic() - began - _BEAT_SECONDS
            if late > _BEAT_SECONDS:  # less is what every loop does
                self.lost += late
            beat, self._next_beat = self._next_beat, asyncio.get_running_loop().create_future()
            beat.set_result(None)

    async def up_to_now(self) -> float:
        """Seconds of lateness, this very moment's too: a loop that stood still may run others before the beat."""
        await asyncio.shield(self._next_beat)
        return self.lost


@asynccontextmanager
async def listening() -> AsyncIterator[Noise]:
    """The noise of the running loop."""
    noise = Noise()
    task = asyncio.create_task(noise.listen())
    try:
        yield noise
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
