"""The way of a request through the gateway, in one list.

Deciding is synchronous and cannot be interrupted; carrying out is the one place that waits; recording
happens on every way out, also when the client leaves or we have a bug. Between deciding and carrying out some requests
are copied for a candidate that no user meets (:mod:`tidegate.gateway.mirror`); nothing below knows of it. A client that
asked to see two answers may get one of each version (:mod:`tidegate.gateway.interleave`).
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable

from tidegate.delivery.observation import Outcome
from tidegate.gateway.accounting import account
from tidegate.gateway.call import Call
from tidegate.gateway.refusals import JSON, Refusal
from tidegate.gateway.rescue_chain import ask_in_order
from tidegate.gateway.stages import assign, authenticate, find_service, read, reflect
from tidegate.wire.dialect_errors import error_body

DECIDE: tuple[Callable[[Call], None], ...] = (
    authenticate,  # first, so that a stranger costs us no parsing
    read,  # the only look into the body; everything after it works on the few fields found
    find_service,  # after the key, so that a refusal tells a key nothing about services it does not cover; limits here,
    # before the assignment, so that what they refuse belongs to no variant
    assign,  # the unit's variant by the hash alone, before any reflex: what is observed is what was assigned
    reflect,  # lease and cut-off last: they change who answers, never whom the unit belongs to
)
CARRY_OUT: Callable[[Call], Awaitable[None]] = ask_in_order
"""Render, choose the upstream, send, commit on the first content, relay; with rescue between the attempts."""

RECORD: Callable[[Call], None] = account
"""Last, on every way out: one observation, and the counters."""


async def serve(call: Call) -> None:
    """Take one request from its arrival to its observation.

    Raises:
        CancelledError: the client left; it is recorded, and the upstream request is cancelled.
    """
    alarms = call.gateway.alarms
    call.alarm = alarms.take()
    try:
        for stage in DECIDE:
            stage(call)
        if call.propensity and call.route.route.release is not None:  # type: ignore[union-attr]  # found above
            call.gateway.overdue.begin(call)
        plan = call.route.mirror  # type: ignore[union-attr]  # find_service has set it
        if plan is not None and (both := call.gateway.mirrors.fork(call, plan)) is not None:
            await both.answer()
        else:
            await CARRY_OUT(call)
    except Refusal as refusal:
        refuse(call, refusal)
    except CancelledError:
        call.outcome = Outcome.CANCELLED
        raise
    except Exception as error:  # our own bug is never blamed on anybody else, and never silent
        call.outcome = call.assigned_outcome = Outcome.INTERNAL_ERROR
        call.gateway.report_bug(call.request_id, error)
        _apologise(call)
    finally:
        alarms.give_back(call.alarm)
        RECORD(call)


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
