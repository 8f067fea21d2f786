"""How often, and how soon, a sequential test finds a change: computed, not simulated.

A test that looks all the time is found out by its boundary: what the statistic must exceed after so much information.
Two kinds are needed here.

- *Counts of events* (predict-the-arm): with e events the evidence depends on the number x in the candidate's arm alone
  and rises with it, so the boundary is a whole number c_e. Given an event, the arm is the candidate's with probability
  p = r h / (1 - r + r h), h the true ratio of rates, and x walks up by one with probability p: the distribution over
  the paths that have not crossed is carried on exactly, one event at a time.
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
from scipy.special import logsumexp

from tidegate.stats.fixed_horizon.group_sequential import crossing_probabilities
from tidegate.stats.mixture import GRID, LOG_WEIGHTS

Floats = NDArray[np.float64]
LOOKS = 40
_BETWEEN = 0.5826  # zeta(1/2) / sqrt(2 pi): how much lower a boundary seems to who looks now and then
MOST_EVENTS = 4_096
"""Beyond this many events a test counts as never finding the change."""


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
        most: events to go to, at least 1 and at most :data:`MOST_EVENTS`.

    Returns:
        Power by the number of *events* of both arms.
    """
    return _walk(share, true_ratio, most, least, _event_boundary(share, tolerated_ratio, alpha, most, is_harm=True))


def safety_by_events(share: float, true_ratio: float, alpha: float, *, tolerated_ratio: float, most: int) -> Stopping:
    """When predict-the-arm finds that the candidate's rate is less than ``tolerated_ratio`` times stable's."""
    boundary = _event_boundary(share, tolerated_ratio, alpha, most, is_harm=False)
    flipped = np.arange(1, len(boundary) + 1) - boundary  # stable's events must be at least these
    return _walk(1 - share, 1 / true_ratio, most, 1, flipped)


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
    crossed = crossing_probabilities([float(t) for t in at / most], limits, drift(most))
    return Stopping(at, np.cumsum(crossed))


@lru_cache(maxsize=64)
def _boundary(share: float, tolerated: float, alpha: float, most: int, *, is_harm: bool) -> Floats:
    """For 1 ... most events, the count in the candidate's arm from which (down to which) evidence is enough.

    log E is a convex, monotone function of the count for each number of events; found by halving for all at once.
    """
    start = math.log(tolerated)
    points = start + (1 if is_harm else -1) * np.array(GRID)
    base = math.log1p(share * math.expm1(start))
    cost = np.log1p(share * np.expm1(points)) - base
    events = np.arange(1, most + 1, dtype=float)

    def evidence(counts: Floats) -> Floats:
        terms = np.array(LOG_WEIGHTS) + np.multiply.outer(counts, points - start) - np.multiply.outer(events, cost)
        return np.asarray(logsumexp(terms, axis=1), np.float64)

    low, high = np.full(most, -1.0), events + 1  # of harm: not enough at low, enough (or impossible) at high
    for _ in range(math.ceil(math.log2(most + 2)) + 1):
        middle = np.floor((low + high) / 2)
        is_enough = evidence(middle) >= -math.log(alpha)
        if not is_harm:
            is_enough = ~is_enough
        low, high = np.where(is_enough, low, middle), np.where(is_enough, middle, high)
    return high if is_harm else low


def _event_boundary(share: float, tolerated: float, alpha: float, most: int, *, is_harm: bool) -> Floats:
    """Asked for many lengths in a row, so computed for whole powers of two and remembered."""
    most = min(most, MOST_EVENTS)
    whole = 1 << max(6, (most - 1).bit_length())
    return _boundary(share, tolerated, alpha, whole, is_harm=is_harm)[:most]


def _walk(share: float, ratio: float, most: int, least: int, boundary: Floats) -> Stopping:
    most = len(boundary)
    chance = share * ratio / (1 - share + share * ratio)
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
