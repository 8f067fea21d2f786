"""Carries out the order of rescue: attempt, ask :mod:`rescue` what is next, until somebody answered."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tidegate.delivery.observation import Outcome
from tidegate.gateway.attempt import Attempt
from tidegate.gateway.failure import Failure, failure_of, failure_of_problem
from tidegate.gateway.refusals import JSON
from tidegate.gateway.rescue import Cause, Move, Role, Standing, is_barring, least_bad, next_move, outcome_of
from tidegate.gateway.retry_after import wait_before

if TYPE_CHECKING:
    from tidegate.gateway.call import Call
    from tidegate.gateway.table import Leg


def first_attempt(call: Call) -> Attempt | None:
    """The attempt that nearly every request begins with; ``None`` where somebody has to be chosen first."""
    return _attempt_at(call, call.order[0]) if call.order[0].is_free() else None


async def ask_in_order(call: Call, attempt: Attempt | None = None) -> None:
    """Get the client an answer from somebody in ``call.order``, or tell it why there is none.

    Args:
        call: the request.
        attempt: the first one, where it has been made; it may be under way.
    """
    if attempt is not None and attempt.is_under_way:
        call.alarm.attach()
    else:
        call.alarm.begin(call.order[0].timeouts.total)
    position, retries = 0, 0
    failure: Failure | None = None
    while True:
        if attempt is None:
            chosen = _choose(call, position)
            if chosen is None:
                break
            if chosen != position:
                position, retries = chosen, 0
            if failure is not None:
                call.began_again()
            attempt = _attempt_at(call, call.order[position])
        leg = attempt.leg
        failure = await attempt.result()
        if failure is None:
            return
        attempt = None
        if leg.role is not Role.CANDIDATE and is_barring(failure.cause):
            call.barred = call.barred | {leg.deployment}
        wait = wait_before(retries + 1, failure.asked_wait, call.gateway.chance())
        move = next_move(failure.cause, _standing(call, position, retries, failure, wait))
        if move is Move.GIVE_UP:
            break
        if move is Move.RETRY:
            retries += 1
            await asyncio.sleep(wait)  # rare enough for a loop timer of its own
            continue
        position, retries = position + 1, 0
        if leg.role is Role.CANDIDATE:  # a candidate never takes the time of its rescue
            call.alarm.begin(call.order[-1].timeouts.total)
    _give_up(call, failure)


def _attempt_at(call: Call, leg: Leg) -> Attempt:
    assert call.arm is not None
    call.attempts += 1
    if leg is not call.arm.order[0]:
        call.fallbacks += 1
        call.sorts_reasoning = True
    return Attempt(call, leg)


def _choose(call: Call, position: int) -> int | None:
    """The first usable leg from ``position`` on; when all are blocking, the least bad of them."""
    order = call.order
    if position < len(order) and order[position].is_free() and not call.barred:  # nearly always
        return position
    now = time.monotonic()
    benched: list[int] = []
    for index in range(position, len(order)):
        cause = _obstacle(call, order[index], now)
        if cause is None:
            return _passing_over(call, index)
        if cause is Cause.BENCHED:
            benched.append(index)
    if benched:
        due = [order[index].deployment.breaker.blocked_until for index in benched]
        return _passing_over(call, benched[least_bad(due)])
    return None


def _obstacle(call: Call, leg: Leg, now: float) -> Cause | None:
    """Why ``leg`` cannot be asked now."""
    account = leg.account
    if account.origin is None or (leg.role is Role.FALLBACK and leg.deployment in call.barred):
        return Cause.REJECTED
    if account.load.is_full:
        return Cause.BUSY
    return None if leg.deployment.breaker.admits(now) else Cause.BENCHED


def _passing_over(call: Call, chosen: int) -> int:
    """Not asking the variant assigned counts as its failure: the chosen one answers for it."""
    own = call.order[0]
    if chosen and not call.attempts and call.assigned_outcome is None:
        call.assigned_outcome = outcome_of(_obstacle(call, own, time.monotonic()) or Cause.BENCHED)
    return chosen


def _standing(call: Call, position: int, retries: int, failure: Failure, wait: float) -> Standing:
    assert call.arm is not None
    return Standing(
        role=call.order[position].role,
        attempts=call.attempts,
        budget=call.arm.budget,
        retries=retries,
        alternatives=len(call.order) - position - 1,
        asked_wait=failure.asked_wait,
        wait=wait,
        left_seconds=call.alarm.left,
    )


def _give_up(call: Call, failure: Failure | None) -> None:
    """Nobody answered: the last failure is the client's answer."""
    leg = call.order[0]
    if failure is None:
        cause = _obstacle(call, leg, time.monotonic()) or Cause.BUSY
        problem = leg.account.problem
        failure = failure_of_problem(problem if call.is_forced else "") if problem else failure_of(cause)
    if failure.is_unrenderable:
        call.outcome = Outcome.CALLER_ERROR
        if call.is_unrenderable:
            call.assigned_outcome = Outcome.CALLER_ERROR  # nobody could have rendered it
    else:
        call.outcome = outcome_of(failure.cause, is_content_filter=failure.is_content_filter)
    call.status = failure.status
    assert call.arm is not None
    headers = call.headers(call.arm.order[0], JSON)
    headers += failure.headers()
    call.responder.send(failure.status, headers, failure.error_body(call.kind.dialect, call.request_id))
