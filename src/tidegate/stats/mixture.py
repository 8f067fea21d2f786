"""Mixtures of likelihood ratios on a grid: what most tests of this package are made of.

A mixture of non-negative martingales of mean 1 is one as well (the method of mixtures: Robbins, Ann. Math. Statist.
41(5), 1970), so a test need not know how large an effect is: it spreads its bet over a grid of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_POINTS, _REACH, _TAU = 60, 3.0, 0.5
GRID = tuple(_REACH * (j + 1) / _POINTS for j in range(_POINTS))
"""60 log ratios (or differences of log odds) in (0, 3]."""
_RAW = tuple(math.exp(-(d**2) / (2 * _TAU**2)) for d in GRID)
LOG_WEIGHTS = tuple(math.log(raw / sum(_RAW)) for raw in _RAW)
"""log of their weights, proportional to exp(-d**2 / 2 tau**2) with tau = 1/2: small effects are likelier."""


def log_sum(terms: Sequence[float]) -> float:
    """log of the sum of exponentials, without overflow."""
    top = max(terms)
    return top + math.log(math.fsum(math.exp(term - top) for term in terms)) if math.isfinite(top) else top


def expit(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def logit(p: float) -> float:
    """log(p / (1 - p)), for ``p`` within (0, 1)."""
    return math.log(p / (1 - p))
