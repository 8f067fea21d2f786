"""One attempt against one deployment: send, wait, classify, deliver.

Most attempts find an idle connection and get a whole answer in one piece. Those go from the client's bytes to the
upstream's, and back, by two callbacks and without a task (:meth:`Attempt.begin`). Every attempt that has to wait before
it can be sent, and whatever else than a whole answer comes of one, takes a coroutine (:meth:`Attempt.result`): it goes
on where the callbacks stopped.
"""

from __future__ import annotations

import time
from asyncio import CancelledError
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from tidegate.errors import CallerError, OperatorError
from tidegate.gateway.answer_delivery import AnswerDelivery, send_whole
from tidegate.gateway.charges import book_failed_attempt
from tidegate.gateway.failure import Failure, failure_of, failure_of_fault
from tidegate.gateway.http.client import (
    JOIN_LIMIT,
    ConnectError,
    ConnectionLostError,
    HttpClientError,
    ProtocolError,
    UpstreamResponse,
)
from tidegate.gateway.rescue import Cause, is_benching
from tidegate.gateway.returned_body import returned_body
from tidegate.gateway.stream_delivery import StreamDelivery, break_off
from tidegate.gateway.upstream_request import upstream_request
from tidegate.plain_struct import plainly_set
from tidegate.wire.exchange import Exchange, open_exchange
from tidegate.wire.http_rules import ANSWER_HEADERS, client_answer_headers, retry_after_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tidegate.gateway.call import Call
    from tidegate.gateway.http.client import UpstreamConnection
    from tidegate.gateway.table import Leg

MOST_ERROR_BYTES = 65_536


@plainly_set
class Attempt(msgspec.Struct, eq=False):
    """One attempt between breaker, load and timers: every way out sets all of them right.

    Attributes:
        leg: who is asked.
        is_under_way: it was sent, and nobody has left breaker and load yet.
    """

    _call: Call
    leg: Leg
    is_under_way: bool = False
    _is_probe: bool = False
    _unsent: tuple[bytes, Sequence[bytes | memoryview]] | None = None  # written, but no connection was idle
    _exchange: Exchange | None = None
    _failure: Failure | None = None
    _found: UpstreamResponse | BaseException | None = None  # what came while no coroutine was there
    _connection: UpstreamConnection = None  # type: ignore[assignment]  # by callbacks, as is the next
    _on_end: Callable[[Call, Attempt | None], None] = None  # type: ignore[assignment]

    # ---- by callbacks

    def begin(self, on_end: Callable[[Call, Attempt | None], None]) -> bool:
        """Send now, if nothing has to be waited for; else ``False``, and :meth:`result` does it.

        Args:
            on_end: told once: the client has its answer, or (with this attempt) a coroutine has to go on.
        """
        call, leg = self._call, self.leg
        exchange = self._opened()
        if exchange is None or exchange.local_answer is not None:
            return False
        account = leg.account
        head, parts = written = upstream_request(call, account, exchange)
        assert account.origin is not None, "an account without an origin is never asked"
        is_small = len(parts) == 1 and len(parts[0]) <= JOIN_LIMIT
        connection = call.gateway.pool.take(account.origin) if is_small else None
        if connection is None:
            self._unsent = written
            return False
        now = time.monotonic()
        self._connection = connection
        self._on_end = on_end
        self._enter(now)
        call.own_seconds = (now - call.request.received_at) or 1e-9
        if call.facts.stream:
            call.alarm.begin_without_task(now, leg.timeouts.total, leg.timeouts.first_token, self._rung)
            call.alarm.claim_total()  # it bounds a stream that has begun, and nothing else does
        else:
            call.alarm.begin_without_task(now, leg.timeouts.total, leg.whole_seconds, self._rung)
        call.client.on_left = self._left
        connection.send(head + parts[0], self._answered)
        return True

    def _answered(self, found: UpstreamResponse | HttpClientError) -> None:
        """The head of the answer is here, or there will be none."""
        call = self._call
        try:
            if call.facts.stream or isinstance(found, HttpClientError) or not self._passed_on(found):
                self._hand_over(found)
                return
        except Exception as error:  # our own bug takes the way out that every other one takes
            self._hand_over(error)
            return
        call.client.on_left = None
        self._on_end(call, None)

    def _passed_on(self, response: UpstreamResponse) -> bool:
        """Whether it was a whole answer, which is now the client's; nothing has happened if it was none."""
        call, leg, exchange = self._call, self.leg, self._exchange
        whole = self._take_head(response)
        assert exchange is not None
        if whole is None or send_whole(call, leg, exchange, whole) is not None:
            return False
        self._step_out()
        breaker = leg.deployment.breaker
        if breaker.failures:
            breaker.succeeded()
        call.succeeded(leg)
        return True

    def _rung(self) -> None:
        """A timer ran out."""
        self._failure = failure_of(self._call.alarm.cause)
        self._connection.abandon()
        self._hand_over(None)

    def _left(self) -> None:
        """The client left."""
        self._connection.abandon()
        self._hand_over(CancelledError())

    def _hand_over(self, found: UpstreamResponse | BaseException | None) -> None:
        self._found = found
        call = self._call
        call.client.on_left = call.alarm.on_ring = None
        self._on_end(call, self)

    # ---- by a coroutine

    async def result(self) -> Failure | None:
        """Ask once. Returns ``None`` when the client has an answer, whole or broken off after its first content, else
        why the attempt failed.

        Raises:
            CancelledError: the client left; the upstream request is cancelled and its connection closed.
        """
        call, leg = self._call, self.leg
        exchange = self._opened()
        if exchange is None:
            failure = self._failure
        elif exchange.local_answer is not None:
            call.answer_here(leg, exchange.local_answer)
            return None
        else:
            failure = await self._guarded(exchange)
        if failure is None:
            call.succeeded(leg)
            return None
        call.failed(leg, failure)
        if not call.responder.is_started:
            if call.is_answering:
                book_failed_attempt(call, leg)
            return failure
        break_off(call, failure)
        return None

    async def _guarded(self, exchange: Exchange) -> Failure | None:
        """What came of it, whatever that is; it has left breaker, load and timers then."""
        if not self.is_under_way:
            self._enter(time.monotonic())
        try:
            failure = self._failure or await self._exchanged(exchange)
        except CancelledError:
            if not self._call.alarm.has_rung():
                self._leave_untold()
                raise
            failure = failure_of(self._call.alarm.cause)
        except BaseException:
            self._leave_untold()
            raise
        self._leave(failure)
        return failure

    async def _exchanged(self, exchange: Exchange) -> Failure | None:
        call, leg = self._call, self.leg
        response: UpstreamResponse | None = None
        try:
            response = await self._response(exchange)
            whole = self._take_head(response)
            if not call.is_answering:
                return await self._refused(exchange, response)
            if call.facts.stream:
                relay = call.answer = exchange.stream()
                return await StreamDelivery(call, leg, relay, response).run()
            if whole is not None:
                return send_whole(call, leg, exchange, whole)
            if not response.is_complete:
                call.alarm.watch_idle(leg.timeouts.idle)
            return await AnswerDelivery(call, leg, exchange, response).run()
        except HttpClientError as error:
            call.gateway.complaints.hear(leg.account.name, error)
            return failure_of(_cause_of(error))
        finally:
            if response is not None and not response.is_complete:
                response.close()

    async def _response(self, exchange: Exchange) -> UpstreamResponse:
        """The head of the answer: the one that has come already, or the one that is to be waited for."""
        account, pool, timeout = self.leg.account, self._call.gateway.pool, self.leg.timeouts.connect
        found, self._found = self._found, None
        if isinstance(found, UpstreamResponse):
            return found
        assert account.origin is not None, "an account without an origin is never asked"
        if found is None:
            self._watch(time.monotonic())
            return await pool.request(account.origin, *self._written(exchange), connect_timeout=timeout)
        if isinstance(found, ConnectionLostError) and not found.has_bytes:  # closed while it was idle
            self._exchange = None  # it has handed its body over
            again = self._opened()
            assert again is not None, "it was rendered before"
            return await pool.request_anew(account.origin, *self._written(again), connect_timeout=timeout)
        raise found

    def _written(self, exchange: Exchange) -> tuple[bytes, Sequence[bytes | memoryview]]:
        """Head and body, handed over: while an answer is waited for, nobody holds what was sent."""
        unsent, self._unsent = self._unsent, None
        return unsent or upstream_request(self._call, self.leg.account, exchange)

    async def _refused(self, exchange: Exchange, response: UpstreamResponse) -> Failure:
        """The upstream answered with something else than 2xx."""
        call = self._call
        wait = retry_after_seconds(response.headers, datetime.now(UTC))
        if response.status < 400:
            return failure_of(Cause.REDIRECTED)
        if not call.facts.stream:
            call.alarm.watch_idle(self.leg.timeouts.idle)
        try:
            body = await response.read(MOST_ERROR_BYTES)
        except HttpClientError:
            body = b""  # the status alone says enough
        return failure_of_fault(exchange.error(response.status, body), wait)

    # ---- by either

    def _opened(self) -> Exchange | None:
        """The request rendered for this deployment; ``None`` where that fails."""
        if self._exchange is not None or self._failure is not None:
            return self._exchange
        call, leg = self._call, self.leg
        try:
            self._exchange = open_exchange(
                call.kind,
                returned_body(call, leg) if call.sorts_reasoning else call.body,
                call.facts,
                leg.insertion,
                leg.account.dialect,
                leg.account.mark,
                call.started_at_us,
            )
        except CallerError as error:
            where = f" ({error.where})" if error.where else ""
            message = f"{error.message}{where}"
            self._failure = Failure(Cause.CALLERS_OWN, error.status, error.code, message, is_unrenderable=True)
        except OperatorError as error:  # the version's own prompt or parameters cannot be rendered
            self._failure = failure_of(Cause.REJECTED)._replace(message=error.message)
        return self._exchange

    def _watch(self, now: float) -> None:
        """The request is about to be written."""
        call, timeouts = self._call, self.leg.timeouts
        if call.facts.stream:
            call.alarm.watch(Cause.SILENT, timeouts.first_token)
        else:
            call.alarm.watch_whole(now, self.leg.whole_seconds)
        if not call.own_seconds:
            call.own_seconds = max(now - call.request.received_at, 1e-9)

    def _take_head(self, response: UpstreamResponse) -> bytes | None:
        """Note what the head says; gives the body if all of it is here and needs nothing done to it."""
        call, headers = self._call, response.headers
        call.told = () if ANSWER_HEADERS.isdisjoint(headers) else client_answer_headers(headers)
        call.is_answering = 200 <= response.status < 300
        return None if b"content-encoding" in headers or not call.is_answering else response.whole

    def _enter(self, now: float) -> None:
        leg = self.leg
        breaker = leg.deployment.breaker
        self.is_under_way = True
        if not breaker.is_admitting:
            self._is_probe = breaker.enter(now)
        leg.account.load.in_flight += 1
        leg.series.in_flight += 1

    def _leave(self, failure: Failure | None) -> None:
        """It has ended with that, for which the deployment may have to answer."""
        self._step_out()
        self._call.responder.on_writable = None
        breaker = self.leg.deployment.breaker
        if failure is None:
            breaker.succeeded()
        elif is_benching(failure.cause):
            breaker.failed(time.monotonic(), is_probe=self._is_probe)
        else:
            breaker.left(is_probe=self._is_probe)

    def _leave_untold(self) -> None:
        """It has ended without saying anything about the deployment."""
        self._step_out()
        self._call.responder.on_writable = None
        self.leg.deployment.breaker.left(is_probe=self._is_probe)

    def _step_out(self) -> None:
        call, leg = self._call, self.leg
        self.is_under_way = False
        leg.account.load.in_flight -= 1
        leg.series.in_flight -= 1
        call.alarm.rest()


def _cause_of(error: HttpClientError) -> Cause:
    if isinstance(error, ProtocolError):
        return Cause.MALFORMED
    return Cause.TIMED_OUT if isinstance(error, ConnectError) and error.is_timeout else Cause.UNREACHABLE
