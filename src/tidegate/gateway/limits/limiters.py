"""Every limited key of one gateway process, and what a request reserves of its key's limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tidegate.gateway.limits.limiter import Limiter
from tidegate.wire.kinds import Kind

if TYPE_CHECKING:
    from tidegate.delivery.limits import KeyGrant, KeyUse
    from tidegate.delivery.observation import Observation
    from tidegate.delivery.snapshot import AccessKey
    from tidegate.gateway.call import Call
    from tidegate.gateway.limits.limiter import Reservation
    from tidegate.gateway.table import Leg

MOST_TOLD = 500
"""Keys of one heartbeat; more of them take turns."""
UNCAPPED_OUTPUT = 1024
"""Tokens reserved for an answer that neither the client nor the version bounds."""
_BYTES_PER_TOKEN = 4
_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


class Limiters:
    """Limiters by key name.

    Args:
        is_led: whether control still renews our lease.
        clock: monotonic seconds.
    """

    def __init__(self, is_led: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._is_led = is_led
        self._clock = clock
        self._limiters: dict[str, Limiter] = {}

    def keep(self, keys: Iterable[AccessKey]) -> None:
        """A new table is in force: keys keep what they have used, those without limits have no limiter."""
        limited = {key.name: key.limits for key in keys if key.limits is not None}
        for name in self._limiters.keys() - limited.keys():
            del self._limiters[name]
        for name, limits in limited.items():
            known = self._limiters.get(name)
            if known is None:
                self._limiters[name] = Limiter(name, limits, self._clock, self._is_led)
            elif known.limits != limits:
                known.declare(limits)

    def of(self, key: str) -> Limiter | None:
        """The limiter of a key, ``None`` where nothing limits it."""
        return self._limiters.get(key)

    def every(self) -> Iterable[Limiter]:
        """For telemetry."""
        return self._limiters.values()

    def uses(self, now_us: int) -> tuple[KeyUse, ...]:
        """For the heartbeat: also of keys that nobody has used yet, for they need their slices before."""
        told = list(self._limiters)[:MOST_TOLD]
        if len(self._limiters) > MOST_TOLD:
            for name in told:
                self._limiters[name] = self._limiters.pop(name)  # to the end: the others are next
        return tuple(self._limiters[name].use(now_us) for name in told)

    def take_grants(self, grants: Iterable[KeyGrant]) -> None:
        """Slices that control lends."""
        for granted in grants:
            limiter = self._limiters.get(granted.key)
            if limiter is not None:
                limiter.grant(granted)


def reserve(call: Call, limiter: Limiter) -> Reservation:
    """What the request may come to: its own length, and as much answer as it allows.

    Raises:
        Refusal: 429, the key's limits do not admit it now.
    """
    route = call.route
    assert route is not None
    leg = route.stable.order[0] if route.stable is not None else None
    read, written = _most(call, leg)
    price = leg.price if leg is not None else None
    cost = 0 if price is None else (read * price.input + written * price.output) // 1000
    return limiter.reserve(read + written, cost, call.started_at_us)


def _most(call: Call, leg: Leg | None) -> tuple[int, int]:
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


def settle(call: Call, reservation: Reservation, observation: Observation) -> None:
    """True up by what the request came to; an answer whose usage nobody told costs what was reserved."""
    is_unknown = observation.input_tokens < 0 and call.served is not None
    tokens = reservation.tokens if is_unknown else max(0, observation.input_tokens) + max(0, observation.output_tokens)
    cost = reservation.cost if is_unknown else max(0, observation.cost_nano_usd)
    reservation.limiter.settle(reservation, tokens, cost)
