"""What a request is charged: its tokens, told or estimated, and their price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.delivery.observation import Outcome
from tidegate.wire.kinds import Kind
from tidegate.wire.usage import Usage

if TYPE_CHECKING:
    from tidegate.delivery.snapshot import Price
    from tidegate.gateway.call import Call
    from tidegate.gateway.table import Leg

CHARACTERS_PER_TOKEN = 4
_UNKNOWN = Usage()
_BROKEN = frozenset({Outcome.TRUNCATED, Outcome.TIMEOUT, Outcome.UPSTREAM_ERROR, Outcome.RATE_LIMITED})
_CUT = _BROKEN | {Outcome.CANCELLED}


def tokens_of(call: Call, outcome: Outcome) -> tuple[Usage, bool]:
    """Tokens of the answer, and whether they are an estimate.

    The last usage told; else, for an answer that broke off or was cancelled, characters of the request over four in,
    content events out. So it is, too, where more content came than that usage tells: Anthropic's streams begin with
    one, and tell the next at their end. Failed attempts before the one that answered are booked apart.
    """
    answer = call.answer
    known = (answer.usage if answer is not None else None) or _UNKNOWN
    if outcome not in _CUT or not call.is_sent or (call.served is None and outcome in _BROKEN):
        return known, False
    written = answer.content_events if answer is not None else 0
    if known.output_tokens >= max(0, written):
        return known, False
    read = known.input_tokens if known.input_tokens >= 0 else _estimated_input(call)
    return Usage(read, written, known.cached_tokens, known.reasoning_tokens), True


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


def book_failed_attempt(call: Call, leg: Leg) -> None:
    """Tokens of an answer that failed before any of it was sent: a cost of its own class, of nobody's request.

    The usage it told; else an estimate, as for a broken answer.
    """
    answer, series = call.answer, leg.series
    usage = answer.usage if answer is not None else None
    if usage is None or usage.output_tokens < 0:
        written = answer.content_events if answer is not None else 0
        read = usage.input_tokens if usage is not None and usage.input_tokens >= 0 else _estimated_input(call)
        usage = Usage(read, written)
    series.failed_input_tokens += usage.input_tokens
    series.failed_output_tokens += usage.output_tokens
    series.failed_cost_nano_usd += max(0, cost_nano_usd(call.kind, usage, leg.price))


def _estimated_input(call: Call) -> int:
    return call.asked_bytes // CHARACTERS_PER_TOKEN
