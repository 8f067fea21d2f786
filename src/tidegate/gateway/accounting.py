"""The last stage: what a request was, as one observation and as telemetry."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from tidegate.delivery.observation import Observation, Outcome
from tidegate.delivery.trace import parse_traceparent
from tidegate.gateway.limits.reserving import release, settle
from tidegate.wire.kinds import Kind
from tidegate.wire.usage import Usage

if TYPE_CHECKING:
    from tidegate.delivery.snapshot import Price
    from tidegate.gateway.call import Call
    from tidegate.gateway.table import Leg
    from tidegate.gateway.telemetry import Series

CHARACTERS_PER_TOKEN = 4
_UNKNOWN = Usage()


def account(call: Call) -> None:
    """Record the request: exactly one observation if its service is known, and telemetry always."""
    try:
        _account(call)
    finally:
        if call.reservation is not None:  # we failed before it was trued up
            release(call.reservation)


def _account(call: Call) -> None:
    now = time.monotonic()
    outcome = call.outcome or Outcome.INTERNAL_ERROR
    received_at = call.request.received_at
    duration = now - received_at
    gateway, arm, route, served = call.gateway, call.arm, call.route, call.served
    gateway.overdue.end(call)
    telemetry = gateway.telemetry
    series = arm.series if arm is not None else telemetry.series(route.name if route else "", "", "")
    series.outcomes[outcome] += 1
    series.duration.add(duration)
    if call.fallbacks:
        series.fallbacks += call.fallbacks
    if call.own_seconds:
        telemetry.overhead.add(call.own_seconds)
    if route is None:
        return
    if call.transcript is not None:
        gateway.content.end(call, call.transcript)
    observation, first_token, pace = observation_of(call, outcome, duration)
    if served is not None:
        _count_answer(served.series, observation, first_token, pace)
    gateway.observer.record(observation)
    if call.reservation is not None:
        settle(call.reservation, observation)
        call.reservation = None
    if route.pins is not None:
        route.pins.remember(call)
    if call.copy is not None:
        call.copy.user_answered(observation)


def observation_of(call: Call, outcome: Outcome, duration: float) -> tuple[Observation, float, float]:
    """What is recorded of a request to a known service, with its time to first token and its pace in seconds."""
    usage, is_estimated = tokens_of(call, outcome)
    first_token = pace = 0.0
    cost = -1
    if call.served is not None:
        cost = cost_nano_usd(call.kind, usage, call.served.price)
        if call.first_content_at:
            first_token = call.first_content_at - call.request.received_at
            pace = _pace(duration, first_token, usage.output_tokens)
    observation = _observation(call, outcome, usage, is_estimated, cost, duration, first_token, pace)
    return observation, first_token, pace


def book_failed_attempt(call: Call, leg: Leg) -> None:
    """Tokens of an answer that failed before any of it was sent: a cost of its own class, of nobody's request.

    The usage it told; else an estimate, as for a broken answer.
    """
    relay, series = call.relay, leg.series
    usage = relay.usage if relay is not None else None
    if usage is None or usage.output_tokens < 0:
        written = relay.content_events if relay is not None else 0
        read = usage.input_tokens if usage is not None and usage.input_tokens >= 0 else _estimated_input(call)
        usage = Usage(read, written)
    series.failed_input_tokens += usage.input_tokens
    series.failed_output_tokens += usage.output_tokens
    series.failed_cost_nano_usd += max(0, cost_nano_usd(call.kind, usage, leg.price))


def _estimated_input(call: Call) -> int:
    return call.asked_bytes // CHARACTERS_PER_TOKEN


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


def tokens_of(call: Call, outcome: Outcome) -> tuple[Usage, bool]:
    """Tokens of the answer, and whether they are an estimate.

    The last usage told; else, for an answer that broke off or was cancelled, characters of the request over four in,
    content events out. So it is, too, where more content came than that usage tells: Anthropic's streams begin with
    one, and tell the next at their end. Failed attempts before the one that answered are booked apart.
    """
    relay = call.relay
    usage = call.usage or (relay.usage if relay is not None else None)
    is_broken = call.served is not None and outcome in _BROKEN
    if not call.is_sent or not (is_broken or outcome is Outcome.CANCELLED):
        return usage or _UNKNOWN, False
    known = usage or _UNKNOWN
    written = relay.content_events if relay is not None else 0
    if known.output_tokens >= max(0, written):
        return known, False
    read = known.input_tokens if known.input_tokens >= 0 else _estimated_input(call)
    return Usage(read, written, known.cached_tokens, known.reasoning_tokens), True


_BROKEN = frozenset({Outcome.TRUNCATED, Outcome.TIMEOUT, Outcome.UPSTREAM_ERROR, Outcome.RATE_LIMITED})


def cost_nano_usd(kind: Kind, usage: Usage, price: Price | None) -> int:
    """Nano-USD of an answer, -1 when price or tokens are unknown.

    ``(input - cached) * price.input + cached * price.cached + output * price.output``, prices in pico-USD.
    """
    read, written = usage.input_tokens, usage.output_tokens
    if written < 0 and kind is Kind.EMBEDDINGS:
        written = 0  # it writes vectors, not tokens
    if price is None or read < 0 or written < 0:
        return -1
    cached = usage.cached_tokens
    if cached <= 0:
        return (read * price.input + written * price.output) // 1000
    cached = min(cached, read)
    return ((read - cached) * price.input + cached * price.cached + written * price.output) // 1000


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


def _observation(
    call: Call,
    outcome: Outcome,
    usage: Usage,
    is_estimated: bool,
    cost: int,
    duration: float,
    first_token: float,
    pace: float,
) -> Observation:
    route, arm, served, relay = call.route, call.arm, call.served, call.relay
    assert route is not None
    release, release_attempt, step, weights_round = route.context
    variant = version = served_variant = served_version = ""
    if arm is not None:
        told = arm.route
        variant, version = told.name, told.version
    if served is not None:
        served_variant, served_version = served.variant, served.version
        if arm is None or served is not arm.order[0]:
            first_token = pace = 0.0  # somebody else's
    malformed, finish_reason, model = 0, call.finish_reason, call.model
    if relay is not None:
        malformed = relay.malformed_events
        finish_reason = finish_reason or relay.finish_reason
        model = model or relay.model
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
        int(first_token * 1e6),
        int(pace * 1e6),
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
    assumed = call.reservation.cost if cost < 0 and served is not None and call.reservation is not None else 0
    if assumed or call.later_attempts_us or call.facts.wants_logprobs:
        return _with_what_few_have(call, observation, assumed)
    return observation


def _with_what_few_have(call: Call, observation: Observation, assumed: int) -> Observation:
    """The last columns, which hold their defaults for nearly every request."""
    found = call.surprisal if call.relay is None else call.relay.surprisal
    return msgspec.structs.replace(
        observation,
        later_attempts_us=call.later_attempts_us,
        surprisal_unats=found.unats,
        surprisal_tokens=found.tokens,
        assumed_nano_usd=assumed,
    )
