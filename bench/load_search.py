"""Finds the load at which a server uses a wanted share of its core."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

CLOSE = 0.03  # of the core: what counts as there
MOST_PROBES = 14
_LONGEST_STEP = 1.5  # times the load before; CPU per request falls as load rises, so one long step overshoots
_SHORT_STEP = 1.1  # once a load could not be held, which a moment's disturbance may have been the reason of
_BACK = 0.85  # of a load that could not be held


class Seen(NamedTuple):
    """A load and what it does.

    Attributes:
        per_second: the load.
        busy: the share of its core that the server used at it.
        is_held: everything that arrived was answered in time; else server, generator or machine were at their limit.
    """

    per_second: float
    busy: float
    is_held: bool = True

    def is_close_to(self, share: float) -> bool:
        """Whether it is what was looked for."""
        return self.is_held and abs(self.busy - share) <= CLOSE


def find_load(probe: Callable[[float], Seen], first: float, share: float) -> Seen:
    """The load at which a server uses ``share`` of its core, or the nearest that was held.

    Args:
        probe: puts a load (per second) on the server and tells what it did.
        first: load to begin with.
        share: in (0, 1).
    """
    best = seen = probe(first)
    longest = _LONGEST_STEP
    for _ in range(MOST_PROBES - 1):
        if best.is_close_to(share):
            break
        if not seen.is_held:
            longest = _SHORT_STEP
        step = _step(seen.busy, share, longest) if seen.is_held else _BACK
        seen = probe(seen.per_second * step)
        best = min(best, seen, key=lambda each: (not each.is_held, abs(each.busy - share)))
    return best


def _step(busy: float, share: float, longest: float) -> float:
    wanted = share / busy if busy else longest
    return min(longest, max(1 / longest, wanted))
