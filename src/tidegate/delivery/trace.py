"""W3C trace context (Recommendation of 23 November 2021): how a request of ours hangs in somebody's trace.

Gateways only pass the context on; control builds the spans later, from observations. Both must name the same spans
without telling each other, so a span's id follows from the request's id.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 0x01
COPY = -1  # instead of the number of an attempt: the copy that a candidate was sent


class TraceContext(NamedTuple):
    """What a caller's ``traceparent`` says: 32 and 16 hex digits, and whether the caller records the trace."""

    trace_id: str
    parent_id: str
    is_sampled: bool

    @property
    def header(self) -> str:
        """As it travels."""
        return f"00-{self.trace_id}-{self.parent_id}-{'01' if self.is_sampled else '00'}"


def parse_traceparent(text: str) -> TraceContext | None:
    """The context of a ``traceparent`` of version 00; ``None`` for anything else, and for ids that are all zero."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return None
    return TraceContext(match[1], match[2], bool(int(match[3], 16) & _SAMPLED))


def trace_of(request_id: str) -> str:
    """The trace of a request whose caller told none: 32 hex digits."""
    return blake2b(request_id.encode(), digest_size=16).hexdigest()


def span_of(request_id: str, attempt: int = 0) -> str:
    """The span of a request, of its ``attempt`` from 1, or of its :data:`COPY`: 16 hex digits."""
    return blake2b(f"{request_id}/{attempt}".encode(), digest_size=8).hexdigest()


def passed_on(context: TraceContext, request_id: str, attempt: int) -> TraceContext:
    """What an upstream is told: our attempt is its parent."""
    return context._replace(parent_id=span_of(request_id, attempt))
