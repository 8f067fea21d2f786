"""What is wanted of one key's limits here, whether admitted or not; it is remembered for a while, so that slices do not
jump."""

from __future__ import annotations

from tidegate.delivery.limits.lending import Rates
from tidegate.gateway.limits.bucket import SECONDS

_REMEMBERED_SECONDS = 5.0  # once to twice so long: refused clients come again sooner


class Demand:
    """Asked since it was last told, and what is left of before: of rates what has not faded within a minute, of money
    the most at once."""

    __slots__ = (
        "_at",
        "_before",
        "_concurrent",
        "_costs",
        "_requests",
        "_since",
        "_tokens",
        "_wanted_requests",
        "_wanted_tokens",
    )

    def __init__(self, now: float) -> None:
        self._at = self._since = now
        self._requests = self._tokens = self._concurrent = self._costs = self._before = 0
        self._wanted_requests = self._wanted_tokens = 0.0

    def ask(self, tokens: int, concurrent: int, costs: int) -> None:
        """One request more, which makes so many at once, and so much that they may come to."""
        self._requests += 1
        self._tokens += tokens
        self._concurrent = max(self._concurrent, concurrent)
        self._costs = max(self._costs, costs)

    def tell_rates(self, now: float, in_flight: int) -> Rates:
        """Requests and tokens of the last minute or so, and the most at once since it was last told."""
        kept = max(0.0, 1.0 - (now - self._at) / SECONDS)
        self._at = now
        self._wanted_requests = self._wanted_requests * kept + self._requests
        self._wanted_tokens = self._wanted_tokens * kept + self._tokens
        self._requests = self._tokens = 0
        most, self._concurrent = self._concurrent, in_flight
        return Rates(round(self._wanted_requests), round(self._wanted_tokens), most)

    def tell_cost(self, now: float, reserved: int) -> int:
        """Nano-USD: the most that requests at once might have come to of late."""
        most = max(self._costs, self._before)
        if now - self._since >= _REMEMBERED_SECONDS:
            self._since, self._before, self._costs = now, self._costs, reserved
        return most
