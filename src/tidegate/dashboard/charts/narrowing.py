"""How the evidence narrows: the confidence sequence of an effect over time, towards its bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from tidegate.dashboard.charts.scale import WIDTH, Scale, Upright, area, line
from tidegate.shapes.traffic import JudgedHistory, JudgedPoint

_HEIGHT = 120.0


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """The picture, ``scale.WIDTH`` by ``height``.

    Attributes:
        band: between the bounds; ``effect`` the line of the estimate.
        bound: how high the margin lies, ``None`` outside the picture; ``zero`` where there is no difference.
        low, high: values at the lower and upper edge; ``since``, ``until`` the instants at the left and right one.
    """

    band: str
    effect: str
    bound: float | None
    zero: float | None
    low: float
    high: float
    since: datetime
    until: datetime
    height: float = _HEIGHT


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """Candidate and stable over time, in the metric's unit."""

    candidate: str
    stable: str
    limit: float | None
    high: float
    since: datetime
    until: datetime
    height: float = _HEIGHT


class _Interval(NamedTuple):
    at: float
    lower: float
    effect: float
    upper: float


def narrowing(history: JudgedHistory) -> Narrowing | None:
    """The picture of a comparison; ``None`` before it has said anything."""
    found = [interval for point in history.points if (interval := _interval(point)) is not None]
    if not found:
        return None
    low, high = _window(found, history.limit)
    x, y = Scale(found[0].at, found[-1].at, WIDTH), Upright(low, high, _HEIGHT)
    if len(found) == 1:  # a single look is a whole width
        found = [found[0]._replace(at=found[0].at - 1), found[0]]
        x = Scale(found[0].at, found[-1].at, WIDTH)
    upper = [(x(each.at), y(each.upper)) for each in found]
    lower = [(x(each.at), y(each.lower)) for each in found]
    return Narrowing(
        band=area(upper, lower),
        effect=line((x(each.at), y(each.effect)) for each in found),
        bound=_inside(y, history.limit),
        zero=_inside(y, 0.0),
        low=low,
        high=high,
        since=history.points[0].at,
        until=history.points[-1].at,
    )


def levels(history: JudgedHistory, *, has_limit: bool) -> Levels | None:
    """Both arms' estimates; ``None`` before there is one.

    Args:
        has_limit: the condition is a hard limit, whose value belongs into the picture.
    """
    candidate = [(point.at.timestamp(), point.estimate) for point in history.points if point.estimate is not None]
    stable = [(p.at.timestamp(), p.stable_estimate) for p in history.points if p.stable_estimate is not None]
    if not candidate:
        return None
    values = [value for _, value in (*candidate, *stable)]
    limit = history.limit if has_limit else None
    high = max([*values, limit or 0.0]) * 1.15 or 1.0
    times = [at for at, _ in (*candidate, *stable)]
    x, y = Scale(min(times), max(times), WIDTH), Upright(0.0, high, _HEIGHT)
    return Levels(
        candidate=line((x(at), y(value)) for at, value in candidate),
        stable=line((x(at), y(value)) for at, value in stable),
        limit=None if limit is None else y(limit),
        high=high,
        since=history.points[0].at,
        until=history.points[-1].at,
    )


def _interval(point: JudgedPoint) -> _Interval | None:
    if point.effect is None:
        return None
    lower = -math.inf if point.effect_lower is None else point.effect_lower
    upper = math.inf if point.effect_upper is None else point.effect_upper
    return _Interval(point.at.timestamp(), lower, point.effect, upper)


def _window(found: Sequence[_Interval], limit: float) -> tuple[float, float]:
    """Wide enough for the bound and for what the newer half says; the first looks are wide and may leave it."""
    newer = found[len(found) // 2 :]
    ends = [end for each in newer for end in (each.lower, each.effect, each.upper) if math.isfinite(end)]
    most = max(6 * abs(limit), 1.3 * abs(found[-1].effect)) or math.inf
    reach = max(1.6 * abs(limit), min(max(map(abs, ends), default=0.0), most)) or 1.0
    return -reach * 1.05, reach * 1.05


def _inside(y: Upright, value: float) -> float | None:
    return y(value) if y.low <= value <= y.high else None
