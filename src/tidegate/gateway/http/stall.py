"""A client that does not keep up with its answer: how long that may last, and who waits for its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.gateway.http.timers import Deadline, Wheel


class Stall:
    """Aborts a connection whose client takes no byte for too long.

    Args:
        wheel: the loop's timers.
        seconds: without the client taking any byte.

    Attributes:
        is_on: the client does not keep up.
    """

    __slots__ = ("_deadline", "_drained", "_seconds", "_size", "_transport", "_wheel", "is_on")
    _transport: asyncio.Transport

    def __init__(self, wheel: Wheel, seconds: float) -> None:
        self._wheel = wheel
        self._deadline: Deadline | None = None  # most connections never need one
        self._seconds = seconds
        self._size = 0  # bytes that waited when it was looked at last
        self._drained: asyncio.Future[None] | None = None
        self.is_on = False

    def begin(self, transport: asyncio.Transport) -> None:
        """The transport's buffer is full."""
        self.is_on = True
        self._transport = transport
        self._size = transport.get_write_buffer_size()
        if self._deadline is None:
            self._deadline = self._wheel.deadline(self._look)
        self._deadline.set(self._seconds)

    def end(self) -> None:
        """The client has caught up."""
        self.is_on = False
        if self._deadline is not None:
            self._deadline.clear()
        self._wake()

    def forget(self) -> None:
        """The connection is gone."""
        self.end()
        if self._deadline is not None:
            self._deadline.drop()

    async def wait(self) -> None:
        """Until the client has caught up, or is gone."""
        while self.is_on:
            if self._drained is None or self._drained.done():
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _look(self) -> None:
        assert self._deadline is not None, "it is what calls this"
        size = self._transport.get_write_buffer_size()
        if size < self._size:
            self._size = size
            self._deadline.set(self._seconds)
        else:
            self._transport.abort()
