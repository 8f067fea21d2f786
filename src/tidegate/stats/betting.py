"""Bounds of the mean of scores within [0, 1] that hold at every look, by betting.

Somebody who does not believe in the mean ``m`` bets the same part ``f`` of a fortune on every score ``x``. For "the
mean is larger" and "the mean is smaller" the fortune is multiplied by

    1 - f + f x / m        and        1 - f + f (1 - x) / (1 - m),

which on average is at most 1 while the mean given the past is at most (at least) ``m``: a test supermartingale. The
fortune is spread equally over 24 parts f, so no bet has to be guessed, and the mixture depends on how often each
score was seen and on nothing else: counts add up, and any split over gateways gives the same bits. Source:
Waudby-Smith and Ramdas, J. R. Stat. Soc. B 86(1), 2024, "Estimating means of bounded random variables by betting":
the capital process with bets l = f / m and diversified Kelly betting.

Assumptions: each score has the same mean given the past, one score for each unit. Nothing else: any distribution
within [0, 1], ties and point masses included. Not for unbounded quantities (latency, cost), nor for scores pooled over
steps with different means, unless the average is meant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tidegate.stats.mixture import log_sum

SCALE = 1_000_000
"""Integer units of a score of 1."""
_BETS = 24
_PARTS = tuple(0.98 * (0.004 / 0.98) ** (j / (_BETS - 1)) for j in range(_BETS))
_HALVINGS = 30

Scores = Mapping[int, int]
"""Score in millionths, 0 ... :data:`SCALE` -> how many units had it."""


def log_evidence_above(scores: Scores, mean: float) -> float:
    """log E against "the mean is at most ``mean``"; act at log(1/alpha).

    Args:
        scores: millionths -> units; without any there is no evidence (0).
        mean: in parts of one, within (0, 1].

    Raises:
        ValueError: a score outside 0 ... 10**6, or a mean outside (0, 1].
    """
    _check(scores, mean)
    return _log_capital([(score / SCALE, n) for score, n in scores.items() if n], mean)


def log_evidence_below(scores: Scores, mean: float) -> float:
    """log E against "the mean is at least ``mean``", within [0, 1); else as above."""
    _check(scores, 1 - mean)
    return _log_capital([(1 - score / SCALE, n) for score, n in scores.items() if n], 1 - mean)


def bounds(scores: Scores, alpha: float) -> tuple[float, float]:
    """``(lower, upper)`` of the mean; over all looks it is ever outside with probability <= ``alpha``, half a side.

    Args:
        scores: millionths -> units; none give ``(0, 1)``.
        alpha: within (0, 1).

    Raises:
        ValueError: a score outside 0 ... 10**6.
    """
    return lower_bound(scores, alpha / 2), upper_bound(scores, alpha / 2)


def lower_bound(scores: Scores, alpha: float) -> float:
    """A bound that the mean is ever below with probability <= ``alpha``."""
    _check(scores, 1.0)
    return _lower([(score / SCALE, n) for score, n in scores.items() if n], -math.log(alpha))


def upper_bound(scores: Scores, alpha: float) -> float:
    """A bound that the mean is ever above with probability <= ``alpha``."""
    _check(scores, 1.0)
    return 1 - _lower([(1 - score / SCALE, n) for score, n in scores.items() if n], -math.log(alpha))


def _log_capital(values: list[tuple[float, int]], mean: float) -> float:
    if not values:
        return 0.0
    logs = [sum(n * math.log1p(part * (x / mean - 1)) for x, n in values) for part in _PARTS]
    return log_sum(logs) - math.log(_BETS)


def _lower(values: list[tuple[float, int]], enough: float) -> float:
    """The evidence falls as the mean rises; the last point still ruled out, hence never too tight."""
    count = sum(n for _, n in values)
    outside, inside = 0.0, sum(x * n for x, n in values) / count if count else 0.0
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        if not middle:
            break
        outside, inside = (middle, inside) if _log_capital(values, middle) >= enough else (outside, middle)
    return outside


def _check(scores: Scores, mean: float) -> None:
    if not 0 < mean <= 1:
        raise ValueError(f"the mean of scores lies between 0 and 1, and a hypothesis of {mean} rules out nothing")
    if any(not 0 <= score <= SCALE for score in scores):
        raise ValueError(f"scores are millionths within 0 ... {SCALE}, and {min(scores)} ... {max(scores)} is not")
