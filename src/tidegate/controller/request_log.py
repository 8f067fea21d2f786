"""A log line of a request, written when its observation has been stored: the data plane itself logs none.

Lines carry ids and figures, never content or secrets.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from tidegate.delivery.observation import FAILURES, Observation, Outcome
from tidegate.delivery.telemetry_settings import RequestLog
from tidegate.delivery.trace import parse_traceparent, span_of, trace_of

_FAILED = FAILURES | {Outcome.NO_VERSION, Outcome.INTERNAL_ERROR}

_LOG = structlog.get_logger("tidegate.requests")


def log_requests(rows: Iterable[Observation], wanted: RequestLog) -> None:
    """Write a line for each request that is wanted: none, those that failed for their user or the version, or all."""
    if wanted == "off":
        return
    for row in rows:
        is_failed = row.outcome in _FAILED or row.assigned_outcome in FAILURES
        if wanted == "all" or is_failed:
            (_LOG.warning if is_failed else _LOG.info)("request", **_fields(row))


def _fields(row: Observation) -> dict[str, object]:
    context = parse_traceparent(row.trace)
    return {
        "request_id": row.request_id,
        "trace_id": context.trace_id if context is not None else trace_of(row.request_id),
        "span_id": span_of(row.request_id),
        "service": row.service,
        "path": row.path,
        "status": row.status,
        "outcome": row.outcome,
        "assigned_outcome": row.assigned_outcome,
        "variant": row.variant,
        "version": row.version,
        "served_version": row.served_version,
        "release": row.release,
        "step": row.step,
        "key": row.key,
        "duration_ms": row.duration_us // 1000,
        "ttft_ms": row.ttft_us // 1000,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost_usd": row.cost_nano_usd / 1e9 if row.cost_nano_usd >= 0 else None,
        "attempts": row.attempts,
        "trail": [f"{deployment} {outcome}" for deployment, outcome, _ in row.trail],
    }
