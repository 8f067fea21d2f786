"""How much more evidence a comparison needs, if it goes on as it does: a forecast for people, nothing decides by it."""

from __future__ import annotations

import math
from typing import NamedTuple

from tidegate.shapes.traffic import JudgedHistory

_LOOKS = 12  # that the pace is taken from
_MOST_SECONDS = 30 * 86_400.0


class Outlook(NamedTuple):
    """What a comparison still needs, in two digits: more would be a promise."""

    samples: float
    seconds: float


def outlook(history: JudgedHistory) -> Outlook | None:
    """How much more decides it; ``None`` where that is decided or cannot be foretold.

    The width of an interval falls with the root of the samples, so it reaches the bound when they have grown by the
    square of how many times too wide it is.
    """
    newest = history.points[-1]
    if newest.verdict != "inconclusive" or newest.effect is None or newest.effect_upper is None or not newest.samples:
        return None
    room, width = abs(history.limit - newest.effect), newest.effect_upper - newest.effect
    if room <= 0 or not math.isfinite(width) or width <= room or width > 10:
        return None
    needed = math.ceil(newest.samples * ((width / room) ** 2 - 1))
    pace = _pace(history)
    if pace is None or needed / pace > _MOST_SECONDS:
        return None
    return Outlook(_rounded(needed), _rounded(needed / pace))


def _pace(history: JudgedHistory) -> float | None:
    """Samples a second, lately; they begin anew with each step."""
    lately = [point for point in history.points[-_LOOKS:] if point.step == history.points[-1].step]
    seconds = (lately[-1].at - lately[0].at).total_seconds()
    gained = lately[-1].samples - lately[0].samples
    return gained / seconds if seconds > 0 and gained > 0 else None


def _rounded(value: float) -> float:
    places = 1 - math.floor(math.log10(value)) if value >= 1 else 0
    return round(value, places)
