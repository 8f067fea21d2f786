"""Spans of a request, made from its observation when it is over: what happened is known by then, so what is worth
keeping can be chosen, and a request never pays for being traced.

A request is a server span; each attempt at an upstream, and the copy that a candidate was sent, hangs below it as a
client span of the same id that the gateway told the upstream. Content is in none of them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tidegate.controller.opentelemetry import names
from tidegate.delivery.attempts import Attempt, attempts_of
from tidegate.delivery.observation import FAILURES, Observation, Outcome
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.release import STABLE
from tidegate.delivery.trace import COPY, parse_traceparent, span_of, trace_of

Value = str | int | float | bool | tuple[str, ...]
_OWN_FAULTS = FAILURES | {Outcome.NO_VERSION, Outcome.INTERNAL_ERROR}
_RATE_DIGITS, _RATE_WHOLE = 8, 1 << 32  # hex digits of a trace's id that are compared with the rate


class Span(NamedTuple):
    """One span: ids as hex, instants in nanoseconds since the Unix epoch.

    Attributes:
        parent_id: "" for the root of a trace.
        error: what went wrong, "" if nothing.
        events: name and instant.
    """

    name: str
    kind: Literal["server", "client"]
    trace_id: str
    span_id: str
    parent_id: str
    started_ns: int
    ended_ns: int
    attributes: dict[str, Value]
    error: str
    events: tuple[tuple[str, int], ...] = ()


class Interest(NamedTuple):
    """Which requests are worth a trace.

    Attributes:
        rate: part of all that is kept whatever happened, 0 to 1.
        slow_us: requests that took as long are kept.
    """

    rate: float
    slow_us: int


def is_interesting(row: Observation, interest: Interest) -> bool:
    """Whether a request is kept: a failure of the user's or of the version's, a slow one, one of a candidate's, one
    whose caller records the trace, or one by the rate. Every gateway and control decides alike, by the trace's id."""
    context = parse_traceparent(row.trace)
    if context is not None and context.is_sampled:
        return True
    if row.outcome in _OWN_FAULTS or row.assigned_outcome in FAILURES or row.duration_us >= interest.slow_us:
        return True
    if row.release and row.variant not in {"", STABLE}:
        return True
    trace_id = context.trace_id if context is not None else trace_of(row.request_id)
    return int(trace_id[-_RATE_DIGITS:], 16) < interest.rate * _RATE_WHOLE


def spans_of(row: Observation) -> list[Span]:
    """The request's span first, then one for each attempt."""
    context = parse_traceparent(row.trace)
    trace_id = context.trace_id if context is not None else trace_of(row.request_id)
    started = row.started_at_us * 1000
    ended = started + row.duration_us * 1000
    operation = names.OPERATIONS.get(row.path, row.path)
    first = ((names.FIRST_TOKEN_EVENT, started + row.ttft_us * 1000),) if row.ttft_us else ()
    request = Span(
        name=f"{operation} {row.service}",
        kind="server",
        trace_id=trace_id,
        span_id=span_of(row.request_id),
        parent_id=context.parent_id if context is not None else "",
        started_ns=started,
        ended_ns=ended,
        attributes=_known(
            {
                names.HTTP_METHOD: "POST",
                names.HTTP_ROUTE: row.path,
                names.HTTP_STATUS: row.status,
                names.OPERATION: operation,
                names.REQUEST_MODEL: row.service,
                names.RESPONSE_ID: row.request_id,
                names.SERVICE: row.service,
                names.VERSION: row.version,
                names.VARIANT: row.variant,
                names.RELEASE: row.release,
                names.STEP: row.step if row.release else -1,
                names.OUTCOME: row.outcome,
                names.ASSIGNED_OUTCOME: row.assigned_outcome,
                names.REQUEST: row.request_id,
                names.ATTEMPTS: row.attempts,
                names.COST: row.cost_nano_usd / 1e9 if row.cost_nano_usd >= 0 else -1,
                **_usage(row),
            }
        ),
        error=row.outcome if row.outcome in _OWN_FAULTS else "",
        events=first,
    )
    return [request, *_attempts(row, request)]


def spans_of_copy(pair: PairRecord, interest: Interest) -> list[Span]:
    """The copy below its request, which comes along where it was not worth a trace by itself."""
    users, copy = pair.stable, pair.candidate
    request, *attempts = spans_of(users)
    told_of = next(iter(attempts_of(copy)), Attempt(copy.model, copy.outcome, 0, copy.duration_us))
    attempt = _attempt(copy, request, COPY, told_of)
    started = copy.started_at_us * 1000
    told = attempt._replace(
        name=f"mirror {copy.version}",
        started_ns=started,
        ended_ns=started + copy.duration_us * 1000,
        attributes=attempt.attributes
        | _known(
            {
                names.MIRRORED: True,
                names.SERVICE: copy.service,
                names.VERSION: copy.version,
                names.VARIANT: copy.variant,
                names.RELEASE: copy.release,
                names.OUTCOME: copy.outcome,
            }
        ),
        error=copy.outcome if copy.outcome in _OWN_FAULTS else "",
        events=(),
    )
    return [told] if is_interesting(users, interest) else [request, *attempts, told]


def _attempts(row: Observation, request: Span) -> list[Span]:
    return [_attempt(row, request, number, each) for number, each in enumerate(attempts_of(row), start=1)]


def _attempt(row: Observation, request: Span, number: int, told_of: Attempt) -> Span:
    deployment, is_last = told_of.deployment, not told_of.outcome
    provider, slash, model = deployment.partition("/")
    told = {names.PROVIDER: provider if slash else "", names.REQUEST_MODEL: model if slash else deployment}
    answer: dict[str, Value] = {names.RESPONSE_MODEL: row.model, **_usage(row)} if is_last else {}
    operation = names.OPERATIONS.get(row.path, row.path)
    return Span(
        name=f"{operation} {deployment}",
        kind="client",
        trace_id=request.trace_id,
        span_id=span_of(row.request_id, number),
        parent_id=request.span_id,
        started_ns=request.started_ns + told_of.began_us * 1000,
        ended_ns=request.started_ns + told_of.ended_us * 1000,
        attributes=_known({names.OPERATION: operation, **told, **answer}),
        error=told_of.outcome,
        events=request.events if is_last else (),
    )


def _usage(row: Observation) -> dict[str, Value]:
    return {
        names.INPUT_TOKENS: row.input_tokens,
        names.OUTPUT_TOKENS: row.output_tokens,
        names.CACHED_TOKENS: row.cached_tokens,
        names.REASONING_TOKENS: row.reasoning_tokens,
        names.FINISH_REASONS: (row.finish_reason,) if row.finish_reason else "",
    }


def _known(attributes: dict[str, Value]) -> dict[str, Value]:
    """Without what nobody told: "" and negative numbers."""
    return {
        name: value
        for name, value in attributes.items()
        if value != "" and not (isinstance(value, int | float) and value < 0)
    }
