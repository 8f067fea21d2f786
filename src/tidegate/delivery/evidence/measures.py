"""How the values of a metric are taken from counts, by what kind of number they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.observation import Outcome
from tidegate.stats.comparison import Tail
from tidegate.stats.distribution import Distribution
from tidegate.stats.ratio import Ratio

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Rate(NamedTuple):
    """A share of requests.

    Attributes:
        events: requests with the harmful event.
        trials: requests that could have it.
        is_of_good: the metric itself is the share without the event.
        outcomes: those that are the event; empty where something else is.
    """

    events: Callable[[Summary], int]
    trials: Callable[[Summary], int]
    is_of_good: bool = False
    outcomes: frozenset[Outcome] = frozenset()


class Quantity(NamedTuple):
    """A quantity per request.

    Attributes:
        of: its distribution.
        scale: integer units in one unit of the metric.
        failures: requests that count as above any value.
        still_open: least values of requests that have not ended.
    """

    of: Callable[[Summary], Distribution]
    scale: float
    failures: Callable[[Summary], int] = lambda _: 0
    still_open: Callable[[Summary], Distribution] = lambda _: Distribution()

    def tail(self, summary: Summary) -> Tail:
        """Its values, failures above all of them, and open requests as far as they came."""
        return Tail(self.of(summary) + self.still_open(summary), self.failures(summary))


class Quotient(NamedTuple):
    """A ratio of two sums; ``scale`` turns it into the metric's unit."""

    of: Callable[[Summary], Ratio]
    scale: float


class Score(NamedTuple):
    """Numbers somebody gave, in integer parts of ``1 / scale``."""

    of: Callable[[Summary], Distribution]
    scale: float


Measure = Rate | Quantity | Quotient | Score
"""How the values of a metric are taken from counts."""
