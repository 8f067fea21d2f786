"""The way of a request through the gateway, in one list.

Deciding is synchronous and cannot be interrupted; carrying out is the one place that waits, by callbacks while it is
simple and in a task when it is not; recording happens on every way out, also when the client leaves or we have a bug. Between deciding and carrying out some requests
are copied for a candidate that no user meets (:mod:`tidegate.gateway.mirror`); nothing below knows of it. A client that
asked to see two answers may get one of each version (:mod:`tidegate.gateway.interleave`).
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tidegate.delivery.observation import Outcome
from tidegate.gateway.accounting import account
from tidegate.gateway.call import Call
from tidegate.gateway.refusals import JSON, Refusal
from tidegate.gateway.rescue_chain import ask_in_order, first_attempt
from tidegate.gateway.stages import assign, authenticate, find_service, read, reflect
from tidegate.wire.dialect_errors import error_body

if TYPE_CHECKING:
    from tidegate.gateway.attempt import Attempt

DECIDE: tuple[Callable[[Call], None], ...] = (
    authenticate,  # first, so that a stranger costs us no parsing
    read,  # the only look into the body; everything after it works on the few fields found
    find_service,  # after the key, so that a refusal tells a key nothing about services it does not cover; limits here,
    # before the assignment, so that what they refuse belongs to no variant
    assign,  # the unit's variant by the hash alone, before any reflex: what is observed is what was assigned
    reflect,  # lease and cut-off last: they change who answers, never whom the unit belongs to
)
RECORD: Callable[[Call], None] = account
"""Last, on every way out: one observation, and the counters."""


def serve(call: Call) -> Awaitable[None] | None:
    """Take one request from its arrival to its observation: by callbacks, or by the coroutine that is returned."""
    call.alarm = call.gateway.alarms.take()
    try:
        for stage in DECIDE:
            stage(call)
        if call.propensity and call.route.route.release is not None:  # type: ignore[union-attr]  # found above
            call.gateway.overdue.begin(call)
        rest = _carry_out(call)
    except Exception as error:
        _fail(call, error)
    else:
        return None if rest is None else _waiting(call, rest)
    _finish(call)
    return None


def _carry_out(call: Call) -> Awaitable[None] | None:
    """Render, choose the upstream, send, commit on the first content, relay; with rescue between the attempts."""
    plan = call.route.mirror  # type: ignore[union-attr]  # find_service has set it
    if plan is not None and (both := call.gateway.mirrors.fork(call, plan)) is not None:
        return both.answer()
    attempt = first_attempt(call)
    if attempt is not None and attempt.begin(_ended):
        return None
    return ask_in_order(call, attempt)


def _ended(call: Call, attempt: Attempt | None) -> None:
    """An attempt by callbacks is over, or has to be waited for."""
    if attempt is None:
        _finish(call)
    else:
        call.client.carry_on(_waiting(call, ask_in_order(call, attempt)))


async def _waiting(call: Call, rest: Awaitable[None]) -> None:
    """The rest of a request that has to wait.

    Raises:
        CancelledError: the client left; it is recorded, and the upstream request is cancelled.
    """
    try:
        await rest
    except CancelledError:
        call.outcome = Outcome.CANCELLED
        raise
    except Exception as error:
        _fail(call, error)
    finally:
        call.gateway.alarms.give_back(call.alarm)
        RECORD(call)


def _finish(call: Call) -> None:
    """A request that was nobody's task has ended."""
    try:
        call.gateway.alarms.give_back(call.alarm)
        RECORD(call)
    finally:
        call.client.finish()


def _fail(call: Call, error: Exception) -> None:
    """The gateway says no, or has a bug, which is never blamed on anybody else, and never silent."""
    if isinstance(error, Refusal):
        refuse(call, error)
        return
    call.outcome = call.assigned_outcome = Outcome.INTERNAL_ERROR
    call.gateway.report_bug(call.request_id, error)
    _apologise(call)


def refuse(call: Call, refusal: Refusal) -> None:
    """The gateway itself says no."""
    call.outcome = call.outcome or Outcome.CALLER_ERROR
    call.status = refusal.status
    headers = call.headers(call.arm.order[0] if call.arm is not None else None, JSON)
    headers += refusal.headers
    body = error_body(call.kind.dialect, refusal.status, refusal.code, refusal.message, call.request_id)
    call.responder.send(refusal.status, headers, body)


def _apologise(call: Call) -> None:
    if call.responder.is_started:
        call.responder.abort()
        return
    call.status = 500
    message = f"the gateway failed; tell its operator the request id {call.request_id}"
    body = error_body(call.kind.dialect, 500, "internal_error", message, call.request_id)
    call.responder.send(500, call.headers(None, JSON), body)
