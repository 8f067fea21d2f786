"""Bounds of a mean that hold at every look, asymptotically (AsympCS).

One-sided, with sample deviation ``s`` after ``n`` values:

    mean - s * sqrt(2 (n r**2 + 1) / (n**2 r**2) * log(1 + sqrt(n r**2 + 1) / (2 alpha)))

tightest near ``n`` = ``horizon`` through r**2 = (-W(-(2 alpha)**2 / e) - 1) / horizon, W the lower branch of
Lambert's function. Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, Ann. Statist. 52(6), 2024.

Asymptotic: the guarantee begins once the sample deviation is a good one. Not for few or very heavy-tailed values;
callers ask for at least :data:`MINIMUM_VALUES`.
"""

from __future__ import annotations

import math

MINIMUM_VALUES = 100


def lower_bound(mean: float, deviation: float, count: int, alpha: float, *, horizon: int = 1_000) -> float:
    """A lower bound of the mean that is ever above it with probability about ``alpha``, over all looks.

    Args:
        mean: of the values.
        deviation: their standard deviation.
        count: how many; 0 gives minus infinity.
        alpha: within (0, 1/2).
        horizon: number of values at which the bound is to be tightest; fixed beforehand.
    """
    if count < 1:
        return -math.inf
    ratio = tuning(2 * alpha, horizon)
    growth = count * ratio + 1
    width = math.sqrt(2 * growth / (count * count * ratio) * math.log1p(math.sqrt(growth) / (2 * alpha)))
    return mean - deviation * width


def tuning(alpha: float, horizon: int) -> float:
    """r**2 for a two-sided ``alpha``: y with y - log y = 1 - 2 log alpha solves Lambert's equation (y = -W)."""
    wanted = 1 - 2 * math.log(alpha)
    y = wanted + math.log(wanted)
    for _ in range(50):  # Newton on a convex function: far more steps than it takes
        y -= (y - math.log(y) - wanted) / (1 - 1 / y)
    return (y - 1) / horizon
