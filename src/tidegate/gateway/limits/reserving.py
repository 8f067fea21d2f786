"""What a request may come to, reserved of its key's limits before it and trued up after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.wire.kinds import Kind

if TYPE_CHECKING:
    from tidegate.delivery.observation import Observation
    from tidegate.gateway.call import Call
    from tidegate.gateway.limits.limiter import Limiter, Reservation
    from tidegate.gateway.table import Leg

UNCAPPED_OUTPUT = 1024
"""Tokens reserved for an answer that neither the client nor the version bounds."""
_BYTES_PER_TOKEN = 4
_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_MOST_TOKENS, _MOST_COST = 2**40, 2**50  # of one request, so that no sum of them overflows


def reserve(call: Call, limiter: Limiter) -> Reservation:
    """Everything the request may come to, at stable's price.

    Raises:
        Refusal: 429, the key's limits do not admit it now.
    """
    route = call.route
    assert route is not None
    leg = route.stable.order[0] if route.stable is not None else None
    tokens, cost = _most(call, leg)
    return limiter.reserve(tokens, cost, call.started_at_us)


def reserve_beside(call: Call, leg: Leg) -> Reservation | None:
    """The same for a second answer of the same request, by ``leg``; ``None`` where the key's limits have no room for it."""
    limiter = call.principal.limiter
    assert limiter is not None
    return limiter.reserve_beside(*_most(call, leg), call.started_at_us)


def _most(call: Call, leg: Leg | None) -> tuple[int, int]:
    """Tokens and nano-USD."""
    read, written = _most_tokens(call, leg)
    price = leg.price if leg is not None else None
    cost = 0 if price is None else (read * price.input + written * price.output) // 1000
    return min(read + written, _MOST_TOKENS), min(cost, _MOST_COST)


def _most_tokens(call: Call, leg: Leg | None) -> tuple[int, int]:
    """Tokens it may read, by its length, and write."""
    if call.kind is Kind.COUNT_TOKENS:
        return 0, 0
    read, written = len(call.request.body) // _BYTES_PER_TOKEN, call.facts.max_output_tokens
    if call.kind is Kind.EMBEDDINGS:
        return read, 0
    if written is None:
        defaults = leg.insertion.generation if leg is not None else {}
        told = (defaults.get(name) for name in _CAPS)
        written = next((cap for cap in told if isinstance(cap, int)), UNCAPPED_OUTPUT)
    return read, max(0, written) * max(1, call.facts.choices)


def settle(reservation: Reservation, observation: Observation) -> None:
    """True up by what the request came to. What nobody told of an answer counts as it was reserved."""
    is_answered = observation.served != ""
    read, written = observation.input_tokens, observation.output_tokens
    tokens = reservation.tokens if is_answered and read < 0 else max(0, read) + max(0, written)
    reservation.limiter.settle(reservation, tokens, observation.charged_nano_usd)


def release(reservation: Reservation) -> None:
    """The request was never sent."""
    reservation.limiter.settle(reservation, 0, 0)
