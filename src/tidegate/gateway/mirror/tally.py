"""What the copies of one step have cost in this process, and what is left of their bounds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tidegate.delivery.mirroring import Mirroring


class MirrorKey(NamedTuple):
    """One step of one attempt of a release."""

    service: str
    release: str
    attempt: int
    step: int


class MirrorTotals:
    """Copies for one version since the process started: for telemetry, where nothing goes back to zero.

    Attributes:
        results: copies that ended, and requests left out by reason.
        cost: nano-USD of the copies whose price is known.
    """

    __slots__ = ("cost", "results")

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()
        self.cost = 0


class Tally:
    """Copies of one step; outlives the tables that name it.

    A copy under way is reckoned with what the ones before it cost on average, so that many at once do not overdraw.

    Attributes:
        in_flight: copies under way.
        cost, tokens: of those that ended, nano-USD and tokens.
        ended: how many did.
        granted_cost, granted_tokens: what control allows this process in all; nothing until it has spoken.
        rests_until: monotonic seconds; the provider said that there were too many requests.
        results: copies made, and those left out by reason.
    """

    __slots__ = (
        "cost",
        "ended",
        "granted_cost",
        "granted_tokens",
        "in_flight",
        "rests_until",
        "results",
        "tokens",
        "totals",
        "version",
    )

    def __init__(self, version: str, totals: MirrorTotals | None = None) -> None:
        self.version = version
        self.totals = totals or MirrorTotals()
        self.in_flight = 0
        self.cost = 0
        self.tokens = 0
        self.ended = 0
        self.granted_cost = 0
        self.granted_tokens = 0
        self.rests_until = 0.0
        self.results: Counter[str] = Counter()

    def affords(self, bounds: Mirroring, likely_cost: int, likely_tokens: int) -> bool:
        """Whether one copy more stays within what was granted.

        Args:
            likely_cost, likely_tokens: of one copy, as long as none has ended.
        """
        under_way = self.in_flight + 1
        if self.ended:
            likely_cost, likely_tokens = self.cost // self.ended, self.tokens // self.ended
        if bounds.max_cost is not None and self.cost + under_way * likely_cost > self.granted_cost:
            return False
        return bounds.max_tokens is None or self.tokens + under_way * likely_tokens <= self.granted_tokens

    def count(self, result: str) -> None:
        """A request was copied, or left out for this reason."""
        self.results[result] += 1
        self.totals.results[result] += 1

    def book(self, cost: int, tokens: int, *, is_apart: bool = True) -> None:
        """A copy ended; unknown amounts are negative and count as nothing.

        Args:
            is_apart: no user saw it, so telemetry tells its cost apart from users'.
        """
        self.totals.cost += max(0, cost) if is_apart else 0
        self.ended += 1
        self.cost += max(0, cost)
        self.tokens += max(0, tokens)
