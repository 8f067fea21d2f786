"""A distribution on a version's first day, and now over it: the same bins, each side as shares of its own values."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tidegate.dashboard.charts.scale import WIDTH, Scale, Upright, area, line
from tidegate.shapes.reports import DriftSignal

HEIGHT = 96.0


class Histograms(msgspec.Struct, frozen=True, kw_only=True):
    """The picture, ``scale.WIDTH`` by ``height``.

    Attributes:
        first: the ``d`` of the area of the first day.
        now: the ``d`` of the line around what is now; "" while there is nothing.
        top: the share at the upper edge.
        low, high: where the bins begin and end, in the signal's unit.
    """

    first: str
    now: str
    top: float
    low: float
    high: float
    height: float = HEIGHT


def histograms(signal: DriftSignal) -> Histograms | None:
    """Both histograms; ``None`` without values."""
    if not signal.bins:
        return None
    first, now = _shares([each.first for each in signal.bins]), _shares([each.now for each in signal.bins])
    top = max(*first, *now)
    upright = Upright(0, top, HEIGHT)
    ground = [(0.0, HEIGHT), (WIDTH, HEIGHT)]
    return Histograms(
        first=area(_steps(first, upright), ground) if any(first) else "",
        now=line(_steps(now, upright)) if any(now) else "",
        top=top,
        low=signal.bins[0].start,
        high=signal.bins[-1].end,
    )


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _steps(shares: Sequence[float], upright: Upright) -> list[tuple[float, float]]:
    """The outline: each bin as wide as any other, as their edges are spaced by ratio."""
    place = Scale(0, len(shares), WIDTH)
    return [(place(edge), upright(share)) for at, share in enumerate(shares) for edge in (at, at + 1)]
