"""Writes one answer: head, framing, backpressure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from tidegate.gateway.http.heads import Block, Headers, header_block
from tidegate.gateway.http.requests import Request
from tidegate.plain_struct import plainly_set

if TYPE_CHECKING:
    from tidegate.gateway.http.connection import Connection

_JOIN_LIMIT = 65_536  # up to here one joined write is cheaper than a vector of three


@plainly_set
class Responder(msgspec.Struct, eq=False):
    """Writes one answer. Calls after the client left are ignored; the handler is being cancelled then.

    Attributes:
        request: what is answered.
        is_started: a status line was written.
        is_ended: the answer is finished or aborted.
        is_over: its handler has ended.
        on_writable: called each time the client has caught up again.
        on_left: called when the client leaves while the handler goes on by callbacks.
    """

    _connection: Connection
    request: Request
    _is_chunked: bool = False
    _has_body: bool = True
    _left: int | None = None  # body bytes still owed, when the length is known
    is_started: bool = False
    is_ended: bool = False
    is_over: bool = False
    on_writable: Callable[[], None] | None = None
    on_left: Callable[[], None] | None = None

    @property
    def is_writable(self) -> bool:
        """The client keeps up; when False stop feeding until ``on_writable`` is called."""
        return not self._connection.is_write_paused

    def send(self, status: int, headers: Headers | Block, body: bytes) -> None:
        """The whole answer at once; content-length, date and connection are added.

        Raises:
            ValueError: a header would inject another one; nothing was sent.
        """
        length = len(body)
        if length > _JOIN_LIMIT:
            head = self._head(status, headers, length)
            self._connection.writelines((head, body) if self._has_body else (head,))
        else:
            self._connection.write(self._head(status, headers, length, body))
        self.is_ended = True

    def start(self, status: int, headers: Headers, *, length: int | None = None) -> None:
        """Begin an answer of ``length`` bytes, or of unknown length (chunked; close-delimited for HTTP/1.0).

        Raises:
            ValueError: a header would inject another one; nothing was sent.
        """
        head = self._head(status, headers, length)
        self._left = length
        self._connection.write(head)

    def write(self, data: bytes) -> None:
        """Send a piece of the body now; empty pieces are ignored.

        Raises:
            ValueError: more than the announced length.
        """
        if not data or self.is_ended or not self._has_body:
            return
        if self._is_chunked:
            size = len(data)
            if size <= _JOIN_LIMIT:
                self._connection.write(b"%x\r\n%b\r\n" % (size, data))
            else:
                self._connection.writelines((b"%x\r\n" % size, data, b"\r\n"))
            return
        if self._left is not None:
            if len(data) > self._left:
                msg = f"the body is {len(data) - self._left} bytes longer than announced"
                raise ValueError(msg)
            self._left -= len(data)
        self._connection.write(data)

    def end(self) -> None:
        """The body is complete; a body shorter than announced is aborted instead."""
        if self.is_ended:
            return
        if self._left and self._has_body:
            self.abort()
            return
        self.is_ended = True
        if self._is_chunked and self._has_body:
            self._connection.write(b"0\r\n\r\n")

    def abort(self) -> None:
        """Break the framing and close, so that the client sees a truncated answer."""
        if self.is_ended:
            return
        self.is_ended = True
        # What was written still goes out; where only the close delimits the body, a reset must break it.
        is_delimited = self._is_chunked or self._left is not None
        self._connection.break_off(is_flushed=is_delimited and self.is_started)

    def finish(self) -> None:
        """A handler that was nobody's task has ended; the last thing it says."""
        self._connection.finished(self)

    def carry_on(self, rest: Awaitable[None]) -> None:
        """A handler that went on by callbacks has to wait now: the rest of it runs in a task."""
        self._connection.carry_on(rest)

    async def drain(self) -> None:
        """Wait until the client has caught up."""
        await self._connection.drain()

    def _head(self, status: int, headers: Headers | Block, length: int | None, body: bytes = b"") -> bytes:
        """The head of the answer, and ``body``, if this answer has one."""
        if self.is_started:
            msg = "the answer has begun already"
            raise RuntimeError(msg)
        connection = self._connection
        block = headers if isinstance(headers, bytes) else header_block(headers)
        beginning = connection.beginnings[status]
        if status == 200 and length is not None and self.request.is_plain and not connection.server.is_draining:
            framing = b"content-length: %d\r\n\r\n" % length  # nearly always
        else:
            framing = self._framing(status, length)
        self.is_started = True
        return b"".join((beginning, block, framing, body if self._has_body else b""))

    def _framing(self, status: int, length: int | None) -> bytes:
        """How the body ends, and what becomes of the connection."""
        request = self.request
        framing = b"\r\n"
        if status in {204, 304}:
            self._has_body = False
        elif length is not None:
            framing = b"content-length: %d\r\n\r\n" % length
        elif request.is_http10:
            request.is_keep_alive = False
        else:
            self._is_chunked = True
            framing = b"transfer-encoding: chunked\r\n\r\n"
        if request.method == b"HEAD":
            self._has_body = False
        if self._connection.server.is_draining:
            request.is_keep_alive = False
        if not request.is_keep_alive:
            framing = b"connection: close\r\n" + framing
        elif request.is_http10:
            framing = b"connection: keep-alive\r\n" + framing
        return framing
