"""One connection to an upstream and the answer on it.

llhttp parses; on top of it an answer is refused when its framing could be understood differently, and
a connection with a byte too many is closed, never pooled: that byte would begin the next caller's answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import httptools

from tidegate.gateway.http.faults import (
    ConnectionLostError,
    HttpClientError,
    ProtocolError,
    TruncatedBodyError,
)
from tidegate.gateway.http.habit import Habit
from tidegate.gateway.http.origin import Origin
from tidegate.gateway.http.plain_heads import split_answer
from tidegate.gateway.http.upstream_response import UpstreamResponse, settle
from tidegate.gateway.http.writes import WriteBatch, writer_of

_REASON = re.compile(rb"[\t -~\x80-\xff]*")
_HEAD_LIMIT = 131_072
_INTERIM_LIMIT = 10
_WRITE_PIECE = 262_144
JOIN_LIMIT = 65_536
"""Bytes of a body up to which it is sent in one piece with its head."""
_NO_HEAD: tuple[int, dict[bytes, bytes]] = 0, {}
_LINE_END = b"\r\n"  # llhttp skips line ends before an answer; they are what an earlier one left behind

OnHead = Callable[["UpstreamResponse | HttpClientError"], None]
"""Told once what became of a request: the answer whose head has arrived, or why there is none."""


class UpstreamConnection(asyncio.Protocol):
    """Serves one request after another.

    Attributes:
        is_reused: it has served a request before the current one.
        is_open: it can be used.
        origin: where it leads.
        opened_at: monotonic seconds of the wheel; set by the pool.
        idle_since: likewise, when it was pooled last.
    """

    __slots__ = (
        "_habit",
        "_head_bytes",
        "_headers",
        "_interim",
        "_is_done",
        "_is_keep_alive",
        "_is_sending",
        "_is_write_paused",
        "_known",
        "_loop",
        "_on_head",
        "_on_idle",
        "_parser",
        "_pieces",
        "_response",
        "_transport",
        "_writable",
        "_writer",
        "_writes",
        "idle_since",
        "is_open",
        "is_reused",
        "on_body",
        "opened_at",
        "origin",
    )

    def __init__(self, on_idle: Callable[[UpstreamConnection], None], origin: Origin, writes: WriteBatch) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_idle = on_idle
        self.origin = origin
        self._writes = writes
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append  # called by the parser, without a frame of Python
        self._habit = Habit()
        self._known = _NO_HEAD  # of the answer whose head is the habit
        self._head_bytes = 0
        self._interim = 0
        self._is_keep_alive = False
        self._response: UpstreamResponse | None = None
        self._is_done = True  # no answer is expected
        self._on_head: OnHead | None = None
        self._writable: asyncio.Future[None] | None = None
        self._is_write_paused = False
        self._is_sending = False
        self.is_reused = False
        self.is_open = False
        self.opened_at = 0.0
        self.idle_since = 0.0

    # ---- what the pool and the response call

    def send(self, request: bytes, on_head: OnHead) -> None:
        """Send a request that is one piece; nobody waits, ``on_head`` is called when the head of its answer is there."""
        self._expect(on_head)
        self._writer.write(request)

    async def exchange(self, head: bytes, parts: Sequence[bytes | memoryview]) -> UpstreamResponse:
        """Send a request; returns when the head of its answer has arrived.

        Raises:
            ConnectionLostError, ProtocolError: see there. Cancelled or failed, the connection is closed.
        """
        waiter: asyncio.Future[UpstreamResponse] = self._loop.create_future()
        self._expect(partial(settle, waiter))
        try:
            if sum(map(len, parts)) <= JOIN_LIMIT:
                self._writer.write(b"".join((head, *parts)))
            else:
                await self._send_slices(head, parts)
            del head, parts  # sent: they are not held while the upstream thinks
            return await waiter
        except BaseException:
            self.abandon()
            if not waiter.done():
                waiter.cancel()
            elif not waiter.cancelled():
                waiter.exception()  # it was looked at
            raise
        finally:
            del waiter  # it keeps what was raised, and that keeps this frame

    def abandon(self) -> None:
        """Nobody waits for the answer any more."""
        self._on_head = None
        self.close()

    def pause_reading(self) -> None:
        """Let the upstream wait."""
        if self.is_open:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self.is_open:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close at once; an unfinished answer fails."""
        if self.is_open:
            self.is_open = False
            self._transport.abort()

    # ---- sending

    def _expect(self, on_head: OnHead) -> None:
        self._on_head = on_head
        self._response = None
        self._is_done = False
        self._head_bytes = self._interim = 0

    async def _send_slices(self, head: bytes, parts: Sequence[bytes | memoryview]) -> None:
        self._is_sending = True
        self._writer.write(head)
        for part in parts:
            view = memoryview(part)
            for at in range(0, len(view), _WRITE_PIECE):
                self._writer.write_through((view[at : at + _WRITE_PIECE],))
                if self._is_write_paused:
                    await self._wait_writable()
                if self._is_answered_early():
                    return
        self._is_sending = False

    async def _wait_writable(self) -> None:
        self._writable = self._loop.create_future()
        try:
            await self._writable
        finally:
            self._writable = None

    def _is_answered_early(self) -> bool:
        """The rest of the body is not wanted: the connection failed, or the upstream has refused."""
        return self._is_done if self._response is None else self._response.status >= 300

    def _wake_writer(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # ---- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The dialler has connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=524_288)
        self._writer = writer_of(self._writes, self._transport)
        self._parser = httptools.HttpResponseParser(self)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer; anything else poisons the connection."""
        is_unsolicited = self._is_done
        if is_unsolicited:
            self.close()
            return
        if self._response is None:
            if not self._head_bytes and self._take_whole(data):
                return
            if not self._head_bytes and data[0] in _LINE_END:
                self._fail(ProtocolError("the upstream's answer begins with a line end"))
                return
            self._head_bytes += len(data)
        pieces = self._pieces
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._reject(error)
        else:
            if self._response is None and self._head_bytes > _HEAD_LIMIT:
                self._fail(ProtocolError("the upstream's headers are too long"))
        response = self._response
        last = pieces[-1] if pieces else b""
        if response is not None and pieces:
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            try:
                response.take(body)
            except BaseException as error:
                self.close()
                response.fail(error)
                if not isinstance(error, Exception):
                    raise
                return
        pieces.clear()
        if self._is_done and response is not None:
            self._end(response, is_clean=self._is_keep_alive and response.ends_with(data, last))
        if self._on_head is not None and response is not None:
            self._tell(response)

    def _take_whole(self, data: bytes) -> bool:
        """Take an ordinary whole answer in one read, which llhttp need not see; ``False`` where it is none, and nothing
        has happened.
        """
        body = self._habit.body_of(data)
        if body is not None:
            status, headers = self._known
        else:
            whole = split_answer(data)
            if whole is None:
                return False
            status, headers, body = whole
            if self._habit.learn(data[: len(data) - len(body)]):
                self._known = status, headers
        self._head_bytes = 1
        self._is_done = self._is_keep_alive = True
        response = UpstreamResponse(status, headers, self.is_reused, self, [body], len(body), body, True)
        if self._is_sending:
            self._wake_writer()
            self.close()
        elif self.is_open:
            self.is_reused = True
            self._on_idle(self)
        on_head, self._on_head = self._on_head, None
        if on_head is not None:
            on_head(response)  # last: whoever is told may send the next request on this very connection
        return True

    def _tell(self, found: UpstreamResponse | HttpClientError) -> None:
        on_head, self._on_head = self._on_head, None
        if on_head is not None:
            on_head(found)

    def eof_received(self) -> bool:
        """The upstream sends no more."""
        response = self._response
        if response is not None and not response.is_delimited and not self._is_done:
            self._is_done = True
            self.close()
            response.finish()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.is_open = False
        self._is_write_paused = False
        if not self._is_done:
            reason = f": {exc}" if exc is not None else ""
            where = {"is_reused": self.is_reused, "has_bytes": self._head_bytes > 0}
            if self._response is None:
                self._fail(
                    ConnectionLostError(f"the upstream closed the connection before it answered{reason}", **where)
                )
            else:
                self._fail(TruncatedBodyError(f"the upstream's answer ended too early{reason}", **where))
        self._wake_writer()
        self._response = None
        del self._parser  # it holds our methods, those us: nothing would be freed before the collector comes

    def pause_writing(self) -> None:
        """The upstream does not keep up with the request's body."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._is_write_paused = False
        self._wake_writer()

    # ---- what the parser calls

    def on_message_begin(self) -> None:
        """Called by the parser, also for interim answers; a second final answer poisons the connection."""
        if self._is_done:
            raise ProtocolError("bytes follow the upstream's answer")
        self._headers: dict[bytes, bytes] = {}

    def on_status(self, reason: bytes) -> None:
        """Called by the parser, which takes any byte for a reason."""
        if _REASON.fullmatch(reason) is None:
            raise ProtocolError("the upstream's status line contains a control character")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if self._response is not None:
            return  # a trailer: never a header
        name = name.lower()
        headers = self._headers
        if name in headers:
            if name in {b"content-length", b"transfer-encoding"}:
                raise ProtocolError("the upstream repeats a framing header")
            value = b"%b, %b" % (headers[name], value)
        headers[name] = value.rstrip()

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        parser, headers = self._parser, self._headers
        status = parser.get_status_code()
        version = parser.get_http_version()
        coding = headers.get(b"transfer-encoding")
        if version not in {"1.1", "1.0"}:
            raise ProtocolError(f"the upstream answers in HTTP/{version}")
        if coding is not None and (coding.lower() != b"chunked" or version == "1.0" or b"content-length" in headers):
            raise ProtocolError("the upstream's transfer-encoding is not supported")
        if self._head_bytes > _HEAD_LIMIT and sum(map(len, headers)) + sum(map(len, headers.values())) > _HEAD_LIMIT:
            raise ProtocolError("the upstream's headers are too long")
        if status < 200:
            self._interim += 1
            if status == 101 or status < 100 or self._interim > _INTERIM_LIMIT:
                raise ProtocolError(f"the upstream answers with status {status}")
            return
        self._is_keep_alive = parser.should_keep_alive()
        self._response = response = UpstreamResponse(status, headers, self.is_reused, self, [])
        response.is_delimited = coding is not None or b"content-length" in headers or status in {204, 304}
        self._wake_writer()

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._response is not None:  # else it was an interim answer
            self._is_done = True

    # ---- ending

    def _end(self, response: UpstreamResponse, *, is_clean: bool) -> None:
        """The answer is whole: pool the connection, or close it; neither holds the answer any longer."""
        self._response = None
        if is_clean and self.is_open and not self._is_sending:
            if response.is_paused:
                self._transport.resume_reading()
            self.is_reused = True
            response.finish()
            self._on_idle(self)
        else:
            self.close()
            response.finish()

    def _reject(self, error: Exception) -> None:
        cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if self._is_done:
            self.close()  # the answer itself is whole, only what follows is not
        elif isinstance(cause, ProtocolError):
            self._fail(cause)
        else:
            self._fail(ProtocolError(f"the upstream's answer is malformed: {error}"))

    def _fail(self, error: HttpClientError) -> None:
        self._is_done = True
        response, self._response = self._response, None
        self.close()
        if response is not None:
            response.fail(error)
        self._wake_writer()
        self._tell(error if response is None else response)
