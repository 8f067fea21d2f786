"""A line as small as a word."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.dashboard.charts.scale import Scale, Upright, line

WIDTH, HEIGHT = 96.0, 24.0


def spark(values: Sequence[float]) -> str:
    """The ``d`` of a line through the values, ``WIDTH`` by ``HEIGHT``; "" where there is nothing to see."""
    if len(values) < 2 or not any(values):
        return ""
    x, y = Scale(0, len(values) - 1, WIDTH), Upright(0, max(values), HEIGHT - 2)
    return line((x(place), y(value) + 1) for place, value in enumerate(values))
