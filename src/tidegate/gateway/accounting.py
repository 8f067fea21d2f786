"""The last stage: what a request was, as one observation and as telemetry."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from tidegate.delivery.observation import Observation, Outcome
from tidegate.delivery.trace import parse_traceparent
from tidegate.gateway.charges import cost_nano_usd, tokens_of
from tidegate.gateway.limits.reserving import release, settle
from tidegate.wire.surprisal import NOTHING

if TYPE_CHECKING:
    from tidegate.gateway.call import Call
    from tidegate.gateway.telemetry import Series


def account(call: Call) -> None:
    """Record the request: exactly one observation if its service is known, and telemetry always."""
    duration = time.monotonic() - call.request.received_at
    outcome = call.outcome or Outcome.INTERNAL_ERROR
    gateway, arm, route = call.gateway, call.arm, call.route
    gateway.overdue.end(call)
    series = arm.series if arm is not None else gateway.telemetry.series(route.name if route else "", "", "")
    series.outcomes[outcome] += 1
    series.duration.add(duration)
    if call.fallbacks:
        series.fallbacks += call.fallbacks
    if call.own_seconds:
        gateway.telemetry.overhead.add(call.own_seconds)
    if route is None:
        return
    try:
        if call.transcript is not None:
            gateway.content.end(call, call.transcript)
        observation, first_token, pace = observation_of(call, outcome, duration)
        if call.served is not None:
            _count_answer(call.served.series, observation, first_token, pace)
        gateway.observer.record(observation)
        if call.reservation is not None:
            settle(call.reservation, observation)
            call.reservation = None
    finally:
        if call.reservation is not None:  # we failed before it was trued up
            release(call.reservation)
    if route.pins is not None:
        route.pins.remember(call)
    if call.copy is not None:
        call.copy.user_answered(observation)


def _count_answer(series: Series, answer: Observation, first_token: float, pace: float) -> None:
    if first_token:
        series.first_token.add(first_token)
    if pace:
        series.per_token.add(pace)
    if answer.input_tokens > 0:
        series.input_tokens += answer.input_tokens
    if answer.output_tokens > 0:
        series.output_tokens += answer.output_tokens
    if answer.cached_tokens > 0:
        series.cached_tokens += answer.cached_tokens
        series.cache_hits += 1
    if answer.cost_nano_usd > 0:
        series.cost_nano_usd += answer.cost_nano_usd


def observation_of(call: Call, outcome: Outcome, duration: float) -> tuple[Observation, float, float]:
    """What is recorded of a request to a known service, with its time to first token and its pace in seconds."""
    route, arm, served, answer = call.route, call.arm, call.served, call.answer
    assert route is not None
    usage, is_estimated = tokens_of(call, outcome)
    release, release_attempt, step, weights_round = route.context
    variant = version = served_variant = served_version = ""
    cost, first_token, pace, ttft_us, tpot_us = -1, 0.0, 0.0, 0, 0
    if arm is not None:
        variant, version = arm.names
    if served is not None:
        served_variant, served_version = served.variant, served.version
        cost = cost_nano_usd(call.kind, usage, served.price)
        if call.first_content_at:
            first_token = call.first_content_at - call.request.received_at
            pace = _pace(duration, first_token, usage.output_tokens)
            if arm is not None and served is arm.order[0]:  # else it is somebody else's
                ttft_us, tpot_us = int(first_token * 1e6), int(pace * 1e6)
    malformed, finish_reason, model = 0, "", ""
    if answer is not None:
        malformed, finish_reason, model = answer.malformed_events, answer.finish_reason, answer.model
    trace = call.request.headers.get(b"traceparent")
    # By position, in the order of its fields: 45 keywords would cost ten times as much.
    observation = Observation(
        call.request_id,
        call.started_at_us,
        call.principal.name,
        route.name,
        call.request.path,
        release,
        release_attempt,
        step,
        call.table.snapshot.revision,
        variant,
        version,
        served_variant,
        served_version,
        call.unit_hash,
        call.propensity,
        outcome,
        call.assigned_outcome or outcome,
        call.status,
        call.facts.stream,
        ttft_us,
        tpot_us,
        int(duration * 1e6),
        int(call.own_seconds * 1e6),
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        is_estimated,
        cost,
        call.attempts,
        call.fallbacks,
        malformed,
        finish_reason,
        model,
        weights_round,
        "" if trace is None else _trace(trace),
        call.trail,
        call.has_own_unit,
        call.keeps_format,
        False,
        call.waited_us,
        _segments(call) if release and route.segments else "",
    )
    if call.later_attempts_us or call.facts.wants_logprobs or (cost < 0 and call.reservation is not None):
        return _with_what_few_have(call, observation), first_token, pace
    return observation, first_token, pace


def _with_what_few_have(call: Call, observation: Observation) -> Observation:
    """The last columns, which hold their defaults for nearly every request."""
    found = call.answer.surprisal if call.answer is not None else NOTHING
    is_assumed = observation.cost_nano_usd < 0 and call.served is not None and call.reservation is not None
    return msgspec.structs.replace(
        observation,
        later_attempts_us=call.later_attempts_us,
        surprisal_unats=found.unats,
        surprisal_tokens=found.tokens,
        assumed_nano_usd=call.reservation.cost if is_assumed else 0,  # type: ignore[union-attr]  # looked at above
    )


def _pace(duration: float, first_token: float, output_tokens: int) -> float:
    """Seconds per token after the first, 0 when it cannot be told."""
    return (duration - first_token) / (output_tokens - 1) if first_token and output_tokens > 1 else 0.0


def _trace(header: bytes) -> str:
    context = parse_traceparent(header.decode("latin-1"))
    return "" if context is None else context.header


def _segments(call: Call) -> str:
    """Looked up after the answer, and for what is on trial only."""
    assert call.route is not None
    sent = call.request.headers.items()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent}
    facts, key = call.facts, call.principal.name
    return ",".join(rule.name for rule in call.route.segments if rule.holds(headers, facts.metadata, key, facts.user))
