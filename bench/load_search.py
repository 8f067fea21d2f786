"""Finds the load at which a server uses a wanted share of its core."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import NamedTuple

CLOSE = 0.03  # of the core: what counts as there
MOST_PROBES = 10
_LONGEST_STEP = 1.5  # times the load before; CPU per request falls as load rises, so one long step overshoots
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
    limit = inf
    for _ in range(MOST_PROBES - 1):
        if best.is_close_to(share):
            break
        if not seen.is_held:
            limit = min(limit, seen.per_second * _BACK)
        load = min(limit, seen.per_second * _step(seen.busy, share))
        if load == seen.per_second:
            break
        seen = probe(load)
        best = min(best, seen, key=lambda each: (not each.is_held, abs(each.busy - share)))
    return best


def _step(busy: float, share: float) -> float:
    wanted = share / busy if busy else _LONGEST_STEP
    return min(_LONGEST_STEP, max(1 / _LONGEST_STEP, wanted))
