"""Small pictures for reports, as SVG text: stacked areas and lines over time. They need no script and no font."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 720, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 8, 12, 22
_COLOURS = ("#0b7a75", "#d8893b", "#5b6bbf", "#b5487a", "#6f8f3a", "#8a6d5c", "#4a90a4", "#a15c38")
_GRID = "#d9dee3"
_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10)


class Axis(NamedTuple):
    """The time shown and the length of its steps."""

    since: datetime
    until: datetime
    step: timedelta

    @property
    def starts(self) -> list[datetime]:
        """When each step begins."""
        count = max(1, -(-(self.until - self.since) // self.step))
        return [self.since + self.step * number for number in range(count)]

    def place(self, at: datetime) -> int:
        """Which step holds ``at``."""
        return min(len(self.starts) - 1, max(0, (at - self.since) // self.step))


def stacked(title: str, axis: Axis, series: Mapping[str, Sequence[float]], unit: str = "") -> str:
    """Areas on top of each other: who got which part of the whole.

    Args:
        title: for people who cannot see it.
        axis: the time shown.
        series: name -> one value for each step.
        unit: behind the numbers of the scale.
    """
    below = [0.0] * len(axis.starts)
    top = _ceiling(max((sum(values) for values in zip(*series.values(), strict=True)), default=0.0))
    shapes = []
    for number, values in enumerate(series.values()):
        above = [base + value for base, value in zip(below, values, strict=True)]
        edge = [*_points(above, top), *reversed(_points(below, top))]
        shapes.append(f'<polygon points="{_path(edge)}" fill="{_colour(number)}" fill-opacity="0.85"/>')
        below = above
    return _frame(title, axis, top, unit, shapes, list(series))


def lines(title: str, axis: Axis, series: Mapping[str, Sequence[float | None]], unit: str = "") -> str:
    """One line each; where a value is ``None`` there is a gap."""
    top = _ceiling(max((value for values in series.values() for value in values if value is not None), default=0.0))
    shapes = [
        f'<polyline points="{_path(run)}" fill="none" stroke="{_colour(number)}" stroke-width="1.8"/>'
        for number, values in enumerate(series.values())
        for run in _runs(values, top)
    ]
    return _frame(title, axis, top, unit, shapes, list(series))


def _frame(title: str, axis: Axis, top: float, unit: str, shapes: Sequence[str], names: Sequence[str]) -> str:
    rows = -(-len(names) // 3)
    height = HEIGHT + 16 * rows
    scale = "".join(
        f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(top * part)}{escape(unit)}</text>'
        for part in (0.0, 0.5, 1.0)
        for y in (_y(top * part, top),)
    )
    times = "".join(
        f'<text x="{_x(axis, at):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{at:%d %b %H:%M}</text>'
        for at, anchor in ((axis.since, "start"), (axis.until, "end"))
    )
    legend = "".join(
        f'<rect x="{_LEFT + 220 * (n % 3)}" y="{HEIGHT + 16 * (n // 3)}" width="10" height="10" fill="{_colour(n)}"/>'
        f'<text x="{_LEFT + 14 + 220 * (n % 3)}" y="{HEIGHT + 9 + 16 * (n // 3)}">{escape(name)}</text>'
        for n, name in enumerate(names)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="currentColor"><title>{escape(title)}</title>'
        f"{scale}{''.join(shapes)}{times}{legend}</svg>"
    )


def _runs(values: Sequence[float | None], top: float) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((_step_x(number, len(values)), _y(value, top)))
    return [[*run, (run[0][0] + 1, run[0][1])] if len(run) == 1 else run for run in runs if run]


def _points(values: Sequence[float], top: float) -> list[tuple[float, float]]:
    if len(values) == 1:
        return [(float(_LEFT), _y(values[0], top)), (float(WIDTH - _RIGHT), _y(values[0], top))]
    return [(_step_x(number, len(values)), _y(value, top)) for number, value in enumerate(values)]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _x(axis: Axis, at: datetime) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * ((at - axis.since) / (axis.until - axis.since))


def _step_x(number: int, count: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (number / max(1, count - 1))


def _y(value: float, top: float) -> float:
    inside = HEIGHT - _TOP - _BOTTOM
    return _TOP + inside - inside * value / top


def _ceiling(value: float) -> float:
    """A round number at or above ``value``; 1 of nothing."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or not value else f"{value:.3g}"
