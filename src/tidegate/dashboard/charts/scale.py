"""From values to places in a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 640.0, 160.0


class Scale(NamedTuple):
    """Values from ``low`` to ``high`` over ``size`` units from ``start``; what lies outside stops at the edge."""

    low: float
    high: float
    size: float
    start: float = 0.0

    def __call__(self, value: float) -> float:
        """Where ``value`` is."""
        span = self.high - self.low
        part = 0.5 if span <= 0 else (value - self.low) / span
        return self.start + self.size * min(1.0, max(0.0, part))


class Upright(NamedTuple):
    """The same from the bottom up, as pictures count from the top down."""

    low: float
    high: float
    size: float = HEIGHT

    def __call__(self, value: float) -> float:
        """Where ``value`` is."""
        return self.size - Scale(self.low, self.high, self.size)(value)


def line(points: Iterable[tuple[float, float]]) -> str:
    """The ``d`` of a path through points."""
    return "".join(f"{'L' if index else 'M'}{x:.1f} {y:.1f}" for index, (x, y) in enumerate(points))


def area(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> str:
    """The ``d`` of what lies between two lines over the same places."""
    return f"{line([*upper, *reversed(lower)])}Z" if upper else ""


def nice_ceiling(value: float) -> float:
    """A round number at or above ``value``: 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 2.5, 5) if step * power >= value * (1 - 1e-9)), 10 * power)
