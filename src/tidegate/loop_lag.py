"""How late an event loop comes to what is due: the one figure that tells an overloaded process of ours from a slow
upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

ASK_SECONDS = 0.5
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


async def watch_loop(report: Callable[[float], object]) -> None:
    """Ask the running loop twice a second to come at a certain time and report by how many seconds it is late.

    Runs until cancelled.
    """
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + ASK_SECONDS
        await asyncio.sleep(ASK_SECONDS)
        report(max(0.0, loop.time() - due))
