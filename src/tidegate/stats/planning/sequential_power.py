"""How often, and how soon, a sequential test finds a change: computed, not simulated.

A test that looks all the time is found out by its boundary: what the statistic must exceed after so much information.
Two kinds are needed here.

- *Counts of events* (predict-the-arm): with e events the evidence depends on the number x in the candidate's arm alone
  and rises with it, so the boundary is a whole number c_e. Given an event, the arm is the candidate's with probability
  p = r h / (1 - r + r h), h the true ratio of rates, and x walks up by one with probability p: the distribution over
  the paths that have not crossed is carried on exactly, one event at a time. With more than :data:`EXACT_EVENTS` the
  count is taken to be normal.
- *A z statistic* (bounds of means, differences of rates): a Brownian motion with drift against the boundary, by the
  recursion of :mod:`~tidegate.stats.fixed_horizon.group_sequential`, at :data:`LOOKS` looks spaced evenly in log time.
  Looking in between as well finds more, as if the boundary of B lay 0.5826 sqrt(time between looks) lower (Siegmund,
  Sequential Analysis, 1985, section 10.2).

Assumptions: the counts of units follow their share; events are as frequent as stated. The answers are for one guardrail
at its own alpha.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.stats.fixed_horizon.group_sequential import crossing_probabilities
from tidegate.stats.mixture import GRID, LOG_WEIGHTS

Floats = NDArray[np.float64]
LOOKS = 30
_BETWEEN = 0.5826  # zeta(1/2) / sqrt(2 pi): how much lower a boundary seems to who looks now and then
_NODES = 81  # power is known to within 0.0003, in a third of the time that 201 take
EXACT_EVENTS = 1_024
"""Up to this many events the walk is exact, beyond it normal."""
_HALVINGS, _ROUNDING = 40, 1e-6


class Stopping(NamedTuple):
    """When a sequential test finds a change.

    Attributes:
        at: amounts (events or units) at which it looks, shape (looks,).
        power: probability of having found it by then, shape (looks,), rising.
    """

    at: Floats
    power: Floats

    def needed(self, power: float) -> float:
        """The first amount with at least this power, linear between looks; infinite when it never gets there."""
        reached = np.flatnonzero(self.power >= power)
        if not len(reached):
            return math.inf
        i = int(reached[0])
        if i == 0:
            return float(self.at[0])
        span = self.power[i] - self.power[i - 1]
        return float(self.at[i - 1] + (self.at[i] - self.at[i - 1]) * (power - self.power[i - 1]) / span)

    def expected(self) -> float:
        """Mean amount at the stop, giving up at the last look."""
        reached = np.concatenate([[0.0], self.power])
        return float(np.sum(np.diff(reached) * self.at) + (1 - reached[-1]) * self.at[-1])


def by_events(
    share: float, true_ratio: float, alpha: float, *, tolerated_ratio: float = 1.0, least: int = 1, most: int
) -> Stopping:
    """When predict-the-arm finds that the candidate's rate is more than ``tolerated_ratio`` times stable's.

    Args:
        share: of the candidate, within (0, 1).
        true_ratio: of the rates (of exceedance, for a quantile), above 0.
        alpha: of a false finding.
        tolerated_ratio: above 0.
        least: events without which nothing is decided.
        most: events to go to, at least 1.

    Returns:
        Power by the number of *events* of both arms.
    """
    chance = share * true_ratio / (1 - share + share * true_ratio)
    if most > EXACT_EVENTS:
        return _drift(share, tolerated_ratio, alpha, chance, most, least, is_harm=True)
    return _walk(chance, least, np.ceil(_boundary(share, tolerated_ratio, alpha, most, is_harm=True) - _ROUNDING))


def safety_by_events(share: float, true_ratio: float, alpha: float, *, tolerated_ratio: float, most: int) -> Stopping:
    """When predict-the-arm finds that the candidate's rate is less than ``tolerated_ratio`` times stable's."""
    chance = share * true_ratio / (1 - share + share * true_ratio)
    if most > EXACT_EVENTS:
        return _drift(share, tolerated_ratio, alpha, chance, most, 1, is_harm=False)
    boundary = np.floor(_boundary(share, tolerated_ratio, alpha, most, is_harm=False) + _ROUNDING)
    return _walk(1 - chance, 1, np.arange(1.0, most + 1) - boundary)  # stable's events must be at least these


def by_z(drift: Callable[[float], float], limit: Callable[[float], float], first: float, most: float) -> Stopping:
    """When a z statistic finds a change.

    Args:
        drift: expected z after so many units; proportional to the square root of the units for an exact answer.
        limit: the critical z after so many units.
        first: units of the first look, above 0.
        most: units of the last look, above ``first``.

    Returns:
        Power by the number of units.
    """
    at = np.geomspace(first, most, LOOKS)
    gaps = _BETWEEN * np.sqrt(np.diff(at, prepend=first) / at)
    limits = [limit(float(units)) - float(gap) for units, gap in zip(at, gaps, strict=True)]
    crossed = crossing_probabilities([float(t) for t in at / most], limits, drift(most), nodes=_NODES)
    return Stopping(at, np.cumsum(crossed))


@lru_cache(maxsize=64)
def _boundary(share: float, tolerated: float, alpha: float, most: int, *, is_harm: bool) -> Floats:
    """The edge for 1 ... most events: computed for few events and now and then, and linear in between."""
    some = np.unique(np.concatenate([np.arange(1, min(most, 128) + 1), np.geomspace(1, most, 100).round()]))
    return np.interp(np.arange(1, most + 1), some, _edges(share, tolerated, alpha, some, is_harm=is_harm))


def _edges(share: float, tolerated: float, alpha: float, events: Floats, *, is_harm: bool) -> Floats:
    """The count in the candidate's arm at which evidence is just enough, as if counts were not whole.

    log E is convex and monotone in the count; found by halving for all numbers of events at once. Where no count is
    enough the edge lies outside 0 ... events.
    """
    start = math.log(tolerated)
    points = start + (1 if is_harm else -1) * np.array(GRID)
    cost = np.log1p(share * np.expm1(points)) - math.log1p(share * math.expm1(start))
    fixed = np.array(LOG_WEIGHTS) - np.multiply.outer(events, cost)

    def is_enough(counts: Floats) -> NDArray[np.bool_]:
        terms = fixed + np.multiply.outer(counts, points - start)
        top = terms.max(axis=1)
        found = top + np.log(np.exp(terms - top[:, None]).sum(axis=1)) >= -math.log(alpha)
        return np.asarray(found, np.bool_)

    low, high = np.full(len(events), -1.0), events + 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_below = is_enough(middle) != is_harm  # the edge lies above the middle
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return high if is_harm else low


def _walk(chance: float, least: int, boundary: Floats) -> Stopping:
    """Exact: the count goes up by one with probability ``chance``; what reaches the boundary has been found."""
    most = len(boundary)
    left = np.zeros(most + 2)
    left[0] = 1.0
    found, total = np.empty(most), 0.0
    for e in range(1, most + 1):
        left[1 : e + 1] = left[1 : e + 1] * (1 - chance) + left[:e] * chance
        left[0] *= 1 - chance
        if e >= least and (limit := int(boundary[e - 1])) <= e:
            total += float(left[max(0, limit) : e + 1].sum())
            left[max(0, limit) : e + 1] = 0.0
        found[e - 1] = total
    return Stopping(np.arange(1, most + 1, dtype=float), found)


def _drift(
    share: float, tolerated: float, alpha: float, chance: float, most: int, least: int, *, is_harm: bool
) -> Stopping:
    """Many events: the count is nearly normal, with the variance that it has under the truth."""
    at = np.geomspace(max(5, least), most, LOOKS)
    edges = _edges(share, tolerated, alpha, at, is_harm=is_harm)
    border = share * tolerated / (1 - share + share * tolerated)
    sign, unit = (1 if is_harm else -1), math.sqrt(chance * (1 - chance))
    limits = sign * (edges - at * border) / (unit * np.sqrt(at))
    return by_z(
        lambda events: sign * (chance - border) * math.sqrt(events) / unit,
        lambda events: float(np.interp(events, at, limits)),
        float(at[0]),
        float(most),
    )
