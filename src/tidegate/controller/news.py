"""Wakes everybody who watches releases, each time something was committed."""

from __future__ import annotations

import asyncio

LONGEST_WAIT_SECONDS = 5.0  # another process may have committed it


class News:
    """A counter that can be waited for."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    def tell(self) -> None:
        """Something was committed."""
        self.count += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, seen: int) -> None:
        """Wait until something newer than ``seen`` was committed, or for a while."""
        if self.count != seen:
            return
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            return
