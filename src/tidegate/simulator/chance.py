"""Chance that can be repeated: every request draws from its own stream of the scenario's seed.

The stream depends on seed, model and the request's number, never on what other requests did, so
concurrent clients cannot change what a request draws.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

from tidegate.simulator.faults import AnyFault
from tidegate.simulator.scenario import Constant, Lognormal, Spread, Uniform


class Dice:
    """The draws of one request."""

    def __init__(self, seed: int, model: str, count: int) -> None:
        self._random = random.Random(f"{seed}/{model}/{count}")  # noqa: S311 - repeatable by intention

    def draw(self, spread: Spread) -> float:
        """One value of a spread, in its unit."""
        match spread:
            case Uniform(low, high):
                return self._random.uniform(low, high)
            case Lognormal(median, sigma):
                return median * math.exp(sigma * self._random.gauss(0.0, 1.0))
            case Constant(value):
                return value
            case _:
                return spread

    def happens(self, probability: float) -> bool:
        """True with that probability; draws in any case, so that later draws do not shift."""
        return self._random.random() < probability

    def index(self, length: int) -> int:
        """A place in a list of that length."""
        return self._random.randrange(length)


def is_sound_spread(spread: Spread) -> bool:
    """Whether all values a spread can give are finite and not negative."""
    match spread:
        case Uniform(low, high):
            return 0 <= low <= high < math.inf
        case Lognormal(median, sigma):
            return 0 <= median < math.inf and 0 <= sigma < math.inf
        case Constant(value):
            return 0 <= value < math.inf
        case _:
            return 0 <= spread < math.inf


def striking_fault(
    faults: Iterable[AnyFault], dice: Dice, *, count: int, elapsed_seconds: float, is_stream: bool
) -> AnyFault | None:
    """The first fault whose conditions hold for a model's request number `count` (from 1)."""
    chosen: AnyFault | None = None
    for fault in faults:
        is_drawn = dice.happens(fault.probability)
        if chosen is None and is_drawn and _is_due(fault, count, elapsed_seconds, is_stream):
            chosen = fault
    return chosen


def _is_due(fault: AnyFault, count: int, elapsed_seconds: float, is_stream: bool) -> bool:
    number = count - fault.after_requests
    return (
        number > 0
        and (fault.first is None or number <= fault.first)
        and (fault.every is None or number % fault.every == 0)
        and elapsed_seconds >= fault.after_seconds
        and (fault.until_seconds is None or elapsed_seconds < fault.until_seconds)
        and (is_stream or not fault.is_streamed_only)
    )
