"""Delivers one answer that is not streamed: gathered whole, so that a broken one can still be rescued."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tidegate.gateway.content_coding import UnreadableCodingError, decoder_of
from tidegate.gateway.failure import Failure, failure_of, failure_of_fault
from tidegate.gateway.http.client import HttpClientError, UpstreamResponse
from tidegate.gateway.refusals import JSON
from tidegate.gateway.rescue import Cause
from tidegate.wire.json_format import ASKING, format_kept
from tidegate.wire.surprisal import read_surprisal
from tidegate.wire.upstream_errors import status_of_error_in_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidegate.gateway.call import Call
    from tidegate.gateway.table import Leg
    from tidegate.wire.exchange import Exchange

MOST_GATHERED_BYTES = 8 << 20


def send_whole(call: Call, leg: Leg, exchange: Exchange, body: bytes) -> Failure | None:
    """Read a whole answer and send it, or return why it is none."""
    answer = exchange.answer(body)
    if not answer.is_whole:
        return _failure_told_in(exchange, body)
    call.answer = answer
    if not ASKING.isdisjoint(call.body.fields):
        call.keeps_format = format_kept(call.kind, call.body, answer.body)
    if call.facts.wants_logprobs:
        answer.surprisal = read_surprisal(answer.body)
    call.served = leg
    call.status = 200
    if call.transcript is not None:
        call.transcript.add(answer.body)
    call.responder.send(200, call.whole_headers(leg), answer.body)
    return None


def _failure_told_in(exchange: Exchange, body: bytes) -> Failure:
    """Some providers tell errors with status 200."""
    status = status_of_error_in_answer(body)
    return failure_of(Cause.MALFORMED) if status is None else failure_of_fault(exchange.error(status, body), None)


class AnswerDelivery:
    """Gathers up to :data:`MOST_GATHERED_BYTES`; a larger answer in the client's own dialect is passed on as
    it comes (its usage stays unknown), a larger one that needs translation is a fault.
    """

    __slots__ = ("_call", "_decode", "_exchange", "_gathered", "_is_passing", "_leg", "_response", "_size")

    def __init__(self, call: Call, leg: Leg, exchange: Exchange, response: UpstreamResponse) -> None:
        self._call = call
        self._leg = leg
        self._exchange = exchange
        self._response = response
        self._decode: Callable[[bytes], bytes] | None = None
        self._gathered: list[bytes] = []
        self._size = 0
        self._is_passing = False

    async def run(self) -> Failure | None:
        """Deliver the answer. Returns the failure when nothing was sent, or when a large one broke off.

        Raises:
            CancelledError: the client left, or a timer ran out.
        """
        response = self._response
        try:
            coding = response.headers.get(b"content-encoding")
            if coding is not None:
                self._decode = decoder_of(coding)
            await response.stream_to(self._on_data)
        except UnreadableCodingError:
            return failure_of(Cause.MALFORMED)
        except HttpClientError:
            return failure_of(Cause.TRUNCATED)
        if self._is_passing:
            self._call.responder.end()
            return None
        gathered = self._gathered
        return send_whole(self._call, self._leg, self._exchange, b"".join(gathered))

    def _on_data(self, data: bytes) -> None:
        self._call.alarm.active_at = time.monotonic()
        if self._decode is not None:
            data = self._decode(data)
        self._size += len(data)
        if self._is_passing:
            self._pass_on(data)
            return
        self._gathered.append(data)
        if self._size > MOST_GATHERED_BYTES:
            self._pass_through()

    def _pass_through(self) -> None:
        """Too large to hold: commit to it, if it needs no translation."""
        call = self._call
        if self._leg.account.dialect != call.kind.dialect:
            raise UnreadableCodingError("the answer is too large to be translated")
        self._is_passing = True
        call.alarm.claim_total()
        call.alarm.watch_idle(self._leg.timeouts.idle)
        call.served = self._leg
        call.status = 200
        call.responder.start(200, call.headers(self._leg, JSON), length=None)
        for part in self._gathered:
            self._pass_on(part)
        self._gathered.clear()

    def _pass_on(self, data: bytes) -> None:
        responder, transcript = self._call.responder, self._call.transcript
        if transcript is not None:
            transcript.add(data)
        responder.write(data)
        if not responder.is_writable:
            self._call.alarm.is_held = True
            responder.on_writable = self._resume_upstream
            self._response.pause()

    def _resume_upstream(self) -> None:
        self._call.alarm.is_held = False
        self._call.alarm.active_at = time.monotonic()
        self._response.resume()
