"""One client connection: its requests are handled in order, by callbacks where nothing has to be waited for.

    idle ── bytes ──▶ reading ── whole request ──▶ serving ── answer written ──▶ idle
                         │                            │
                         └── refused ──▶ lingering    └── client left: the handler is told, or its task cancelled

A handler is called as soon as its request is whole. What it returns to be awaited runs in a task; one that returns
nothing has answered, or does so by callbacks, and says :meth:`Responder.finish` at its end.

Lingering: the last bytes are written, what the client still sends is discarded for a moment, because closing
with unread bytes would reset the connection and could destroy the answer on its way. An idle connection ends
like this too: a request that crosses our goodbye finds a clean end before any answer, never a reset, so that
the client knows it may send it again elsewhere.

Draining: whoever was promised a connection that stays open may use it once more, shortly, and is told with that
answer that it ends; what stays idle is closed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from tidegate.gateway.http.heads import header_block
from tidegate.gateway.http.peer import is_connected, reset
from tidegate.gateway.http.refusal import RefusalError
from tidegate.gateway.http.requests import Request, RequestReader
from tidegate.gateway.http.responder import Responder
from tidegate.gateway.http.stall import Stall
from tidegate.gateway.http.timers import NEVER
from tidegate.gateway.http.writes import writer_of

if TYPE_CHECKING:
    from tidegate.gateway.http.server import Server

_LOG = logging.getLogger(__name__)
_LINGER_SECONDS = 2.0
_FAREWELL_SECONDS = 0.5  # for what was on its way when an idle connection was closed
_PEER_CHECK_SECONDS = 1.0
_BODY_PROGRESS_BYTES = 1024  # less than this in body_seconds is no progress


class _Phase(Enum):
    IDLE = auto()
    READING = auto()
    SERVING = auto()
    LINGERING = auto()
    CLOSED = auto()


# Reading a member through its class is slow, and the phase is asked a dozen times per request.
_IDLE, _READING, _SERVING, _LINGERING, _CLOSED = _Phase


class Connection(asyncio.Protocol):
    """The protocol of one accepted connection.

    Attributes:
        server: whose connection it is.
        is_write_paused: the client does not keep up.
    """

    __slots__ = (
        "_deadline",
        "_half_closed",
        "_idle_since",
        "_is_read_paused",
        "_is_reading",
        "_limits",
        "_loop",
        "_marked_bytes",
        "_phase",
        "_reader",
        "_responder",
        "_stall",
        "_task",
        "_transport",
        "_wheel",
        "_writer",
        "beginnings",
        "is_write_paused",
        "server",
    )

    def __init__(self, server: Server) -> None:
        self.server = server
        self.beginnings = server.beginnings
        self._limits = server.limits
        self._wheel = server.wheel
        self._reader = RequestReader(server.limits)
        self._deadline = server.wheel.deadline(self._expire)
        self._stall = Stall(server.wheel, server.limits.stall_seconds)
        self._phase = _IDLE
        self._idle_since = server.wheel.now
        self._is_reading = False  # requests are being taken from the reader, further up the stack
        self._task: asyncio.Task[None] | None = None
        self._responder: Responder | None = None  # of the request being served, until its client has taken the answer
        self._half_closed = False
        self._is_read_paused = False
        self._marked_bytes = -1
        self.is_write_paused = False

    @property
    def is_serving(self) -> bool:
        """Whether a handler is running."""
        return self._phase is _SERVING

    # ---- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start serving."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=131_072)
        self._writer = writer_of(self.server.writes, self._transport)
        self._loop = asyncio.get_running_loop()
        if self.server.add(self):
            self._be_idle()
        else:
            self._refuse(RefusalError(503, "too_many_connections", "The gateway has too many connections; try again."))

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        phase = self._phase
        if phase is _IDLE:
            request = self._reader.whole_request(data)
            if request is not None:
                self._handle(request)
                return
        elif phase is _LINGERING or phase is _CLOSED:
            return
        self._reader.feed(data)
        if phase is _SERVING:
            if self._reader.held > self._limits.backlog_bytes and not self._is_read_paused:
                self._is_read_paused = True
                self._transport.pause_reading()
                self._deadline.set(_PEER_CHECK_SECONDS)
            return
        self._read_on()

    def eof_received(self) -> bool:
        """The client sends no more: it left, or it closed its half.

        The two look alike, so a running handler gets one more tick of the wheel: what can answer at once
        does, what waits for an upstream is cancelled.
        """
        if self._phase is not _SERVING:
            self._writer.flush()  # the transport closes now, and knows of nothing that is held
            return False
        self._half_closed = True
        self._deadline.set(0.0)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client left or the connection was closed: cancel what runs for it."""
        self._phase = _CLOSED
        self._deadline.drop()
        self._stall.forget()
        self.server.remove(self)
        self.is_write_paused = False
        responder = self._responder
        if responder is not None:
            responder.is_ended = True
            if responder.is_over:
                self._responder = None
        task, self._task = self._task, None
        if task is not None:  # it keeps its cancellation, that our frames, those us: the collector cannot free it
            self._loop.call_soon(task.cancel)  # after its first step: one that never began would record nothing
        elif responder is not None and responder.on_left is not None:
            responder.on_left()

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self.is_write_paused = True
        self._stall.begin(self._transport)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.is_write_paused = False
        self._stall.end()
        responder = self._responder
        if responder is None:
            return
        if responder.is_over:
            self._go_on(responder)
        elif responder.on_writable is not None and not responder.is_ended:
            responder.on_writable()

    # ---- what the responder calls

    def write(self, data: bytes) -> None:
        """Write, unless the client left."""
        if self._phase is _SERVING:
            self._writer.write(data)

    def writelines(self, pieces: Sequence[bytes]) -> None:
        """Write without joining, unless the client left."""
        if self._phase is _SERVING:
            self._writer.write_through(pieces)

    def break_off(self, *, is_flushed: bool) -> None:
        """Close in the middle of an answer; unflushed, by a reset, which nobody takes for its end."""
        if is_flushed:
            self._close()
            return
        reset(self._transport)

    async def drain(self) -> None:
        """Wait until the client has caught up."""
        await self._stall.wait()

    # ---- what the server calls

    def finish(self) -> None:
        """Draining: close soon, unless a request is being read or served or comes until then."""
        if self._phase is _IDLE:
            self._be_idle()
            self._deadline.set(self.server.idle_seconds)

    def abort(self) -> None:
        """Close now, whatever runs."""
        if self._phase is not _CLOSED:
            self._transport.abort()

    # ---- serving

    def _read_on(self) -> None:
        """Handle what has arrived, request after request, until one has to wait."""
        if self._is_reading:
            return
        self._is_reading = True
        try:
            while self._phase is _IDLE or self._phase is _READING:
                request = self._reader.next_request()
                if request is None:
                    self._await_more()
                    return
                self._handle(request)
                if not self._reader.held:
                    return
        except RefusalError as refusal:
            self._refuse(refusal)
        finally:
            self._is_reading = False

    def _handle(self, request: Request) -> None:
        request.received_at = time.monotonic()
        self._phase = _SERVING
        self._responder = responder = Responder(self, request)
        try:
            rest = self.server.handler(request, responder)
        except Exception:
            _LOG.exception("the handler of %s failed", request.path)
            if not responder.is_over:  # it may have failed after it had finished
                self.finished(responder)
        else:
            if rest is not None:
                self.carry_on(rest)

    def carry_on(self, rest: Awaitable[None]) -> None:
        """Run the rest of the handler in a task, which the client's leaving cancels."""
        self._task = self._loop.create_task(self._run(rest))

    async def _run(self, rest: Awaitable[None]) -> None:
        responder = self._responder
        assert responder is not None
        try:
            await rest
        except Exception:
            _LOG.exception("the handler of %s failed", responder.request.path)
        except BaseException:  # also a handler that was cancelled by another than its client
            self.abort()
            self._phase = _LINGERING
            raise
        finally:
            self._task = None
            self.finished(responder)

    def finished(self, responder: Responder) -> None:
        """The handler has ended: see to its answer, then to the next request."""
        responder.is_over = True
        if not responder.is_ended:
            self._end_unfinished(responder)
        if not self.is_write_paused:
            self._go_on(responder)

    def _end_unfinished(self, responder: Responder) -> None:
        """The handler returned without finishing its answer: that is our fault, and must be seen."""
        if responder.is_started:
            responder.abort()
            return
        path = responder.request.path
        headers, body = self.server.render_error(path, 500, "internal_error", "The gateway failed.")
        responder.send(500, headers, body)

    def _go_on(self, responder: Responder) -> None:
        """The client has taken its answer: look for the next request, or end the connection."""
        self._responder = None
        if self._phase is not _SERVING:
            return
        if not responder.request.is_keep_alive or self._half_closed:
            if self._reader.held:
                self._linger()
            else:
                self._close()
            return
        self._be_idle()
        if self._is_read_paused:
            self._is_read_paused = False
            self._transport.resume_reading()
        if self._reader.held:
            self._read_on()

    def _be_idle(self) -> None:
        """Wait for the next request. A deadline set for something else does: it will find out for how long still."""
        self._phase = _IDLE
        if self._deadline.due is NEVER:
            self._deadline.set(self.server.idle_seconds)
        self._idle_since = self._wheel.now  # which is right only while a deadline is set

    def _await_more(self) -> None:
        """A part of a request is here: bound the time for the rest."""
        reader = self._reader
        if self._phase is _IDLE:
            self._marked_bytes = -1
        if reader.is_reading_body:
            if self._marked_bytes < 0 or reader.body_bytes - self._marked_bytes >= _BODY_PROGRESS_BYTES:
                self._marked_bytes = reader.body_bytes
                self._deadline.set(self._limits.body_seconds)
            if reader.is_continue_wanted:
                reader.is_continue_wanted = False
                self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif self._phase is _IDLE and reader.held:
            self._deadline.set(self._limits.head_seconds)
        else:
            return
        self._phase = _READING

    # ---- ending

    def _expire(self) -> None:
        """The deadline has passed: of this phase, or of an earlier one, for none is cleared."""
        if self._phase is _READING:
            part = "body" if self._reader.is_reading_body else "headers"
            self._refuse(RefusalError(408, "request_timeout", f"The request's {part} did not arrive in time."))
        elif self._phase is _SERVING:
            self._look_after_client()
        elif self._phase is _IDLE:
            self._end_idleness()
        else:
            self._transport.abort()

    def _look_after_client(self) -> None:
        """A handler runs, and reading has ended or is paused: nothing else tells that the client left."""
        if self._half_closed or (self._is_read_paused and not is_connected(self._transport)):
            self._transport.abort()
        elif self._is_read_paused:
            self._deadline.set(_PEER_CHECK_SECONDS)

    def _end_idleness(self) -> None:
        left = self._idle_since + self.server.idle_seconds - self._wheel.now
        if left > 0.0:
            self._deadline.set(left)
        elif self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._say_goodbye()

    def _refuse(self, refusal: RefusalError) -> None:
        headers, body = self.server.render_error(self._reader.path, refusal.status, refusal.code, refusal.message)
        framing = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self._writer.write(b"".join((self.beginnings[refusal.status], header_block(headers), framing, body)))
        self._linger()

    def _say_goodbye(self) -> None:
        """End an idle connection."""
        if self._transport.can_write_eof():
            self._linger(_FAREWELL_SECONDS)
        else:
            self._close()

    def _linger(self, seconds: float = _LINGER_SECONDS) -> None:
        self._phase = _LINGERING
        if self._transport.can_write_eof():
            self._writer.write_eof()
        if self._is_read_paused:
            self._is_read_paused = False
            self._transport.resume_reading()
        self._deadline.set(seconds)

    def _close(self) -> None:
        """Flush what is written, then close; a client that takes nothing is cut off."""
        self._phase = _LINGERING
        self._deadline.set(self._limits.stall_seconds)
        self._writer.close()
