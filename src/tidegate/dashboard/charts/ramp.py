"""A release as planned: the candidate's share over time, and which harm is found with which probability."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tidegate.dashboard.charts.scale import WIDTH, Scale, Upright, area, line
from tidegate.delivery.planning.planned import MetricPlan, Plan

HEIGHT = 140.0


class Ramp(msgspec.Struct, frozen=True, kw_only=True):
    """The picture, ``scale.WIDTH`` by ``height``.

    Attributes:
        path: the ``d`` of the area below the share.
        places: where each step begins, in percent of the width, with its number.
        seconds: of the whole.
    """

    path: str
    places: tuple[tuple[float, int], ...]
    seconds: float
    height: float = HEIGHT


class PowerCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Probability of finding a harm, by its size; each line is one metric's.

    Attributes:
        lines: metric -> the ``d`` of its line.
        most: the size at the right edge: points or relative, parts of one.
    """

    lines: dict[str, str]
    most: float
    height: float = HEIGHT


def ramp(plan: Plan) -> Ramp | None:
    """The share of each step as long as it is planned to take; ``None`` where nothing takes time."""
    whole = sum(step.seconds for step in plan.steps)
    if whole <= 0:
        return None
    x, y = Scale(0, whole, WIDTH), Upright(0, 1, HEIGHT)
    upper: list[tuple[float, float]] = []
    places, at = [], 0.0
    for step in plan.steps:
        share = max(step.share, step.mirrored)
        upper += [(x(at), y(share)), (x(at + step.seconds), y(share))]
        places.append((100 * at / whole, step.number))
        at += step.seconds
    ground = [(place, HEIGHT) for place, _ in upper]
    return Ramp(path=area(upper, ground), places=tuple(places), seconds=whole)


def power_curve(plan: Plan) -> PowerCurve | None:
    """What is found in the last step that compares."""
    found = {metric.metric: metric.curve for metric in _last_comparison(plan) if len(metric.curve) > 1}
    if not found:
        return None
    most = 1.15 * max(size for points in found.values() for size, _ in points)
    x, y = Scale(0, most, WIDTH), Upright(0, 1, HEIGHT)
    lines = {metric: line((x(size), y(power)) for size, power in points) for metric, points in found.items()}
    return PowerCurve(lines=lines, most=most)


def _last_comparison(plan: Plan) -> Sequence[MetricPlan]:
    steps = [[each for each in step.metrics if each.condition == "comparison"] for step in plan.steps]
    return next((metrics for metrics in reversed(steps) if metrics), [])
