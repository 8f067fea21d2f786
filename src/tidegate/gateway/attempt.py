"""One attempt against one deployment: send, wait, classify, deliver."""

from __future__ import annotations

import time
from asyncio import CancelledError
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tidegate.delivery.trace import parse_traceparent, passed_on
from tidegate.errors import CallerError, OperatorError
from tidegate.gateway.accounting import book_failed_attempt
from tidegate.gateway.answer_delivery import AnswerDelivery, send_whole
from tidegate.gateway.failure import Failure, failure_of, failure_of_fault
from tidegate.gateway.http.client import ConnectError, HttpClientError, ProtocolError, UpstreamResponse
from tidegate.gateway.rescue import Cause, is_benching
from tidegate.gateway.stream_delivery import StreamDelivery, break_off
from tidegate.wire.exchange import Exchange, open_exchange
from tidegate.wire.http_rules import client_answer_headers, retry_after_seconds, upstream_request_headers
from tidegate.wire.kinds import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tidegate.gateway.call import Call
    from tidegate.gateway.table import Leg

MOST_ERROR_BYTES = 65_536


async def attempt(call: Call, leg: Leg) -> Failure | None:
    """Ask ``leg`` once. Returns ``None`` when the client has an answer, whole or broken off after its first
    content, else why the attempt failed.

    Raises:
        CancelledError: the client left; the upstream request is cancelled and its connection closed.
    """
    try:
        exchange = open_exchange(
            call.kind,
            call.body,
            call.facts,
            leg.insertion,
            leg.account.dialect,
            created=call.started_at_us // 1_000_000,
        )
    except CallerError as error:
        where = f" ({error.where})" if error.where else ""
        message = f"{error.message}{where}"
        failure: Failure | None = Failure(Cause.CALLERS_OWN, error.status, error.code, message, is_unrenderable=True)
    except OperatorError as error:  # the version's own prompt or parameters cannot be rendered
        failure = failure_of(Cause.REJECTED)._replace(message=error.message)
    else:
        if exchange.local_answer is not None:
            call.answer_here(leg, exchange.local_answer)
            return None
        failure = await _guarded(call, leg, exchange)
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


async def _guarded(call: Call, leg: Leg, exchange: Exchange) -> Failure | None:
    """The attempt between breaker, load and timers: every way out sets all of them right."""
    breaker, load, series = leg.deployment.breaker, leg.account.load, leg.series
    is_probe = not breaker.is_admitting and breaker.enter(time.monotonic())
    load.in_flight += 1
    series.in_flight += 1
    call.relay = None
    call.is_answering = False
    call.told = ()
    try:
        failure = await _exchanged(call, leg, exchange)
    except CancelledError:
        if not call.alarm.has_rung():
            breaker.left(is_probe=is_probe)
            raise
        failure = failure_of(call.alarm.cause)
    except BaseException:
        breaker.left(is_probe=is_probe)
        raise
    finally:
        load.in_flight -= 1
        series.in_flight -= 1
        call.alarm.rest()
        call.responder.on_writable = None
    if failure is None:
        breaker.succeeded()
    elif is_benching(failure.cause):
        breaker.failed(time.monotonic(), is_probe=is_probe)
    else:
        breaker.left(is_probe=is_probe)
    return failure


async def _exchanged(call: Call, leg: Leg, exchange: Exchange) -> Failure | None:
    response: UpstreamResponse | None = None
    try:
        response = await _sent(call, leg, exchange)
        call.told = client_answer_headers(response.headers)
        if not 200 <= response.status < 300:
            return await _refused(call, leg, exchange, response)
        call.is_answering = True
        if call.facts.stream:
            relay = call.relay = exchange.stream()
            return await StreamDelivery(call, leg, relay, response).run()
        whole = response.whole
        if whole is not None and b"content-encoding" not in response.headers:
            return send_whole(call, leg, exchange, whole)
        if not response.is_complete:
            call.alarm.watch_idle(leg.timeouts.idle)
        return await AnswerDelivery(call, leg, exchange, response).run()
    except ConnectError as error:
        return failure_of(Cause.TIMED_OUT if error.is_timeout else Cause.UNREACHABLE)
    except ProtocolError:
        return failure_of(Cause.MALFORMED)
    except HttpClientError:
        return failure_of(Cause.UNREACHABLE)
    finally:
        if response is not None and not response.is_complete:
            response.close()


def _sent(call: Call, leg: Leg, exchange: Exchange) -> Awaitable[UpstreamResponse]:
    """The request under way: written when awaited, done when the head of the answer is there."""
    parts = exchange.request_parts()
    account, alarm, timeouts, request = leg.account, call.alarm, leg.timeouts, call.request
    assert account.origin is not None, "an account without an origin is never asked"
    extra = upstream_request_headers(request.headers, DIALECTS[call.kind], account.dialect)
    if extra and extra[0][0] == b"traceparent":
        extra = (_own_span(call, extra[0][1]), *extra[1:])
    head = account.head(exchange.path, exchange.headers, sum(map(len, parts)), extra)
    if call.facts.stream:
        alarm.watch(Cause.SILENT, timeouts.first_token)
    else:
        alarm.watch_whole(leg.whole_seconds)
    if not call.own_seconds:
        call.own_seconds = max(time.monotonic() - request.received_at, 1e-9)
    return call.gateway.pool.request(account.origin, head, parts, connect_timeout=timeouts.connect)


def _own_span(call: Call, sent: bytes) -> tuple[bytes, bytes]:
    """The trace goes on through us: this attempt is what the upstream hangs its own spans on."""
    context = parse_traceparent(sent.decode("ascii"))
    told = sent if context is None else passed_on(context, call.request_id, call.attempts).header.encode()
    return b"traceparent", told


async def _refused(call: Call, leg: Leg, exchange: Exchange, response: UpstreamResponse) -> Failure:
    """The upstream answered with something else than 2xx."""
    wait = retry_after_seconds(response.headers, datetime.now(UTC))
    if response.status < 400:
        return failure_of(Cause.REDIRECTED)
    if not call.facts.stream:
        call.alarm.watch_idle(leg.timeouts.idle)
    try:
        body = await response.read(MOST_ERROR_BYTES)
    except HttpClientError:
        body = b""  # the status alone says enough
    return failure_of_fault(exchange.error(response.status, body), wait)
