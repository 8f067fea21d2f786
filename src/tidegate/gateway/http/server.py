"""The HTTP/1.1 server of the gateway: a listening socket and its connections."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable

from tidegate.gateway.http.connection import Connection
from tidegate.gateway.http.heads import Beginnings, Headers
from tidegate.gateway.http.limits import Limits
from tidegate.gateway.http.requests import Request
from tidegate.gateway.http.responder import Responder
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.http.writes import WriteBatch

__all__ = ["Handler", "Headers", "Limits", "RenderError", "Request", "Responder", "Server", "listen"]

_LAST_REQUEST_SECONDS = 1.0

Handler = Callable[[Request, Responder], Awaitable[None] | None]
"""Takes a request; what it returns is awaited in a task. ``None``: it has answered, or goes on by callbacks and says
:meth:`Responder.finish` at its end."""
RenderError = Callable[[str, int, str, str], tuple[Headers, bytes]]


def render_plain_error(path: str, status: int, code: str, message: str) -> tuple[Headers, bytes]:  # noqa: ARG001
    """The error body used when the caller of :func:`listen` gives no dialect."""
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code}}).encode()
    return ((b"content-type", b"application/json"),), body


class Server:
    """What :func:`listen` returns.

    Attributes:
        is_draining: no new requests are wanted.
        idle_seconds: how long a connection may stay without a request; short while draining.
    """

    def __init__(self, handler: Handler, limits: Limits, render_error: RenderError, wheel: Wheel) -> None:
        self.handler = handler
        self.limits = limits
        self.render_error = render_error
        self.wheel = wheel
        self.beginnings = Beginnings(wheel)
        self.writes = WriteBatch(wheel.loop)
        self.is_draining = False
        self.idle_seconds = limits.idle_seconds
        self._connections: set[Connection] = set()
        self._listener: asyncio.AbstractServer | None = None
        self._emptied = asyncio.Event()
        self.port = 0

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._connections)

    @property
    def in_flight(self) -> int:
        """Connections whose request is being served."""
        return sum(connection.is_serving for connection in self._connections)

    def add(self, connection: Connection) -> bool:
        """Called by a new connection; False when there are too many."""
        self._connections.add(connection)
        return len(self._connections) <= self.limits.connections

    def remove(self, connection: Connection) -> None:
        """Called by a connection that ended."""
        self._connections.discard(connection)
        if not self._connections:
            self._emptied.set()

    async def start(self, where: socket.socket | tuple[str, int], tls: ssl.SSLContext | None) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        if isinstance(where, tuple):
            listener = await loop.create_server(
                lambda: Connection(self), where[0], where[1], backlog=4096, ssl=tls, reuse_address=True
            )
        else:
            listener = await loop.create_server(lambda: Connection(self), sock=where, backlog=4096, ssl=tls)
        self._listener = listener
        address = listener.sockets[0].getsockname()
        self.port = address[1] if isinstance(address, tuple) else 0

    async def drain(self, grace_seconds: float) -> None:
        """Stop accepting at once, finish what is being served, close the rest after ``grace_seconds``.

        Idle connections stay open for one more request, for at most a second: their clients were promised so,
        and a busy client moves to another connection this way without any failure.
        """
        self.is_draining = True
        self.idle_seconds = min(self.limits.idle_seconds, _LAST_REQUEST_SECONDS, grace_seconds / 2)
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self._connections):
            connection.finish()
        if await self._is_emptied(grace_seconds):
            return
        for connection in tuple(self._connections):
            connection.abort()
        await self._is_emptied(1.0)

    async def _is_emptied(self, seconds: float) -> bool:
        if self._connections:
            self._emptied.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._emptied.wait()
            except TimeoutError:
                return False
        return True


async def listen(
    where: socket.socket | tuple[str, int],
    handler: Handler,
    *,
    limits: Limits | None = None,
    render_error: RenderError | None = None,
    wheel: Wheel | None = None,
    tls: ssl.SSLContext | None = None,
) -> Server:
    """Serve ``handler`` on an inherited listening socket or on ``(host, port)``.

    Each connection serves its requests in order; when its client leaves, the running handler is
    cancelled. A handler that fails or ends without an answer is answered with 500.
    ``render_error(path, status, code, message)`` gives headers and body of what this layer itself
    refuses, in the client's dialect; ``path`` is empty when the request line was not understood.
    """
    server = Server(handler, limits or Limits(), render_error or render_plain_error, wheel or Wheel())
    await server.start(where, tls)
    return server
