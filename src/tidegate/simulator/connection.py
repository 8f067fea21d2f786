"""One client connection: parses requests, plays scripts, notices the client leaving."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, cast

import httptools

from tidegate.simulator.journal import Inbound, Outcome
from tidegate.simulator.script import Ending, Script, Wait, Write, plain

_FLUSH_SECONDS = 0.02  # what was written crosses the network before a reset, which would discard it
_ABORT_ON_CLOSE = struct.pack("ii", 1, 0)


class Response(NamedTuple):
    """A script to play and whom to tell how it went."""

    script: Script
    close: Callable[[Outcome], None]


class Connection(asyncio.Protocol):
    """Answers the requests of one connection in order."""

    def __init__(self, respond: Callable[[Inbound], Response], connections: set[Connection]) -> None:
        self._respond = respond
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[tuple[Inbound, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._headers: dict[str, str] = {}
        self._target = b""
        self._body: list[bytes] = []

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """The client left, or the script closed the connection."""
        self._connections.discard(self)
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse; whole requests are queued by `on_message_complete`."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            for action in plain(400, b'{"error":{"message":"This is not HTTP/1.1."}}', [("connection", "close")]):
                self._transport.write(cast("Write", action).data)
            self._transport.close()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._drained and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # httptools

    def on_message_begin(self) -> None:
        """A request begins."""
        self._headers, self._target, self._body = {}, b"", []

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """The body may come."""
        if self._headers.get("expect", "").lower() == "100-continue" and not self._task:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Queue the request."""
        inbound = Inbound(
            method=self._parser.get_method().decode("latin-1"),
            path=self._target.decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
        )
        self._queue.append((inbound, self._parser.should_keep_alive()))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    # answering

    def abort(self) -> asyncio.Task[None] | None:
        """Drop the connection; returns the task that is winding up."""
        self._transport.abort()
        if self._task:
            self._task.cancel()
        return self._task

    async def _serve(self) -> None:
        while self._queue:
            inbound, is_kept = self._queue.popleft()
            response = self._respond(inbound)
            outcome: Outcome = "aborted"
            try:
                outcome = await self._play(response.script)
            finally:
                response.close(outcome)
            if not is_kept or outcome != "completed":
                self._transport.close()
                break
        self._task = None

    async def _play(self, script: Script) -> Outcome:
        has_written = False
        for action in script:
            if isinstance(action, Write):
                self._transport.write(action.data)
                has_written = True
                if self._drained:
                    await self._drained
            elif isinstance(action, Wait):
                if action.seconds > 0:
                    await asyncio.sleep(action.seconds)
            else:
                await self._end(action, has_written)
                return "broken"
        return "completed"

    async def _end(self, ending: Ending, has_written: bool) -> None:
        if ending is Ending.HANG:
            await asyncio.get_running_loop().create_future()
        elif ending is Ending.RESET:
            if has_written:
                await asyncio.sleep(_FLUSH_SECONDS)
            tcp = self._transport.get_extra_info("socket")
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT_ON_CLOSE)
            self._transport.abort()
        else:
            self._transport.close()
