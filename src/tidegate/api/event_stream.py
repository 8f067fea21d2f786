"""Server-sent events: each with its id, comments while nothing happens, and an end that says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from tidegate.shapes.releases import Event

KEEPALIVE_SECONDS = 10.0


async def event_stream(events: AsyncIterator[Event], closing: asyncio.Event) -> AsyncGenerator[bytes, None]:
    """The bytes of a stream of release events.

    Args:
        events: what happened and happens; its end is the release's.
        closing: ends the stream without saying so, so that clients come back to the next process.
    """
    closed = asyncio.ensure_future(closing.wait())
    upcoming: asyncio.Future[Event] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.ensure_future(_next(events))
            awaited: set[asyncio.Future[Any]] = {upcoming, closed}
            done, _ = await asyncio.wait(awaited, timeout=KEEPALIVE_SECONDS, return_when="FIRST_COMPLETED")
            if closed in done:
                return
            if upcoming not in done:
                yield b": still here\n\n"
                continue
            try:
                event = upcoming.result()
            except _Ended:
                yield b"event: end\ndata: {}\n\n"
                return
            upcoming = None
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.code.encode(), msgspec.json.encode(event))
    finally:
        closed.cancel()
        if upcoming is not None:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)


class _Ended(Exception):  # noqa: N818 - a future cannot hold StopAsyncIteration
    pass


async def _next(events: AsyncIterator[Event]) -> Event:
    try:
        return await anext(events)
    except StopAsyncIteration:
        raise _Ended from None
