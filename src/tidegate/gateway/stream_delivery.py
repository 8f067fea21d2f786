"""Relays one streamed answer: held back until its first content, passed on byte for byte after it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tidegate.gateway.content_coding import UnreadableCodingError, decoder_of
from tidegate.gateway.failure import Failure, failure_of, failure_of_fault
from tidegate.gateway.http.client import HttpClientError, UpstreamResponse
from tidegate.gateway.rescue import Cause
from tidegate.wire.dialect_errors import error_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidegate.gateway.call import Call
    from tidegate.gateway.table import Leg
    from tidegate.wire.exchange import StreamRelay

MOST_HELD_BYTES = 1 << 20

EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
UNBUFFERED = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))


class _Stop(Exception):  # noqa: N818 - it ends the reading, nothing failed in here
    """No more bytes of this upstream are wanted."""


class StreamDelivery:
    """One streamed answer on its way to the client.

    Before the first content event every fault can still be rescued, so status, headers and bytes are held.
    From then on the answer is committed: it ends whole, or with an error event in the client's dialect.
    """

    __slots__ = (
        "_alarm",
        "_call",
        "_decode",
        "_feed",
        "_held",
        "_held_bytes",
        "_is_committed",
        "_leg",
        "_relay",
        "_responder",
        "_response",
    )

    def __init__(self, call: Call, leg: Leg, relay: StreamRelay, response: UpstreamResponse) -> None:
        self._call = call
        self._leg = leg
        self._relay = relay
        self._feed = relay.feed if call.transcript is None else call.transcript.follow(relay.feed)
        self._response = response
        self._responder = call.responder
        self._alarm = call.alarm
        self._decode: Callable[[bytes], bytes] | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._is_committed = False

    async def run(self) -> Failure | None:
        """Relay to the end. Returns the failure when nothing was sent, or when the answer broke off later;
        the caller tells them apart by ``responder.is_started``.

        Raises:
            CancelledError: the client left, or a timer ran out.
        """
        is_readable, is_cut = True, False
        telemetry = self._call.gateway.telemetry
        telemetry.open_streams += 1
        try:
            self._decode = decoder_of(self._response.headers.get(b"content-encoding"))
            await self._response.stream_to(self._on_data)
        except UnreadableCodingError:
            is_readable = False
        except HttpClientError:
            is_cut = True  # the relay knows how far it came
        except _Stop:
            pass
        finally:
            telemetry.open_streams -= 1
        return self._conclude(self._relay.end(is_cut=is_cut), is_readable=is_readable)

    def _on_data(self, data: bytes) -> None:
        passed = self._feed(data if self._decode is None else self._decode(data))
        self._alarm.active_at = time.monotonic()
        if not self._is_committed:
            self._before_content(passed)
            return
        if passed:
            responder = self._responder
            responder.write(passed)
            if not responder.is_writable:
                self._hold_upstream()
        if self._relay.fault is not None:
            raise _Stop

    def _before_content(self, passed: bytes) -> None:
        if passed:
            self._held.append(passed)
            self._held_bytes += len(passed)
        if self._relay.has_content:
            self._commit()
        if self._relay.fault is not None or self._held_bytes > MOST_HELD_BYTES:
            raise _Stop

    def _commit(self) -> None:
        """Content has come: this answer is the client's, whatever happens now."""
        call, responder = self._call, self._responder
        self._is_committed = True
        call.served = self._leg
        call.status = 200
        headers = call.headers(self._leg, EVENT_STREAM)
        headers += UNBUFFERED
        responder.start(200, headers, length=None)
        responder.write(b"".join(self._held))
        self._held.clear()
        call.release_body()
        if self._relay.has_content:
            call.first_content_at = time.monotonic()
            call.answered(self._leg)
            self._held_bytes = 0
        self._alarm.watch_idle(self._leg.timeouts.idle)
        if not responder.is_writable:
            self._hold_upstream()

    def _hold_upstream(self) -> None:
        """The client does not keep up: stop reading until it does."""
        self._alarm.is_held = True
        self._responder.on_writable = self._resume_upstream
        self._response.pause()

    def _resume_upstream(self) -> None:
        self._alarm.is_held = False
        self._alarm.active_at = time.monotonic()
        self._response.resume()

    def _conclude(self, tail: bytes, *, is_readable: bool) -> Failure | None:
        """The upstream's body ended, in whatever way."""
        relay = self._relay
        if self._call.transcript is not None:
            self._call.transcript.add(tail)
        if relay.fault is not None:
            return self._faulted(tail)
        if relay.is_complete and is_readable:
            self._complete(tail)
            return None
        if self._is_committed:
            self._responder.write(tail)
        elif self._held_bytes > MOST_HELD_BYTES:
            return failure_of(Cause.MALFORMED)
        return failure_of(Cause.TRUNCATED if is_readable else Cause.MALFORMED)

    def _faulted(self, tail: bytes) -> Failure:
        """An error event came. After content the relay has given it out already; the framing stays whole."""
        assert self._relay.fault is not None
        if self._is_committed:
            self._responder.write(tail)
            self._responder.end()
        return failure_of_fault(self._relay.fault, None)

    def _complete(self, tail: bytes) -> None:
        if not self._is_committed:  # an answer without content, properly ended, is an answer
            self._commit()
        self._responder.write(tail)
        self._responder.end()


def break_off(call: Call, failure: Failure) -> None:
    """End a committed answer that cannot go on: an error event if it streams, then broken framing."""
    if not call.responder.is_ended:
        if call.facts.stream:
            call.responder.write(error_event(call.kind, failure.status, failure.code, failure.message))
        call.responder.abort()
