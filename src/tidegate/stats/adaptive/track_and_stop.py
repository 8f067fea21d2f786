"""Track-and-Stop: find the best arm with as few units as possible, and know when it is found.

No strategy can be sure of the best arm (error at most alpha) before about T* log(1/alpha) units, where

    1 / T* = max_w min_{b != best} (w_best + w_b) I(w_best / (w_best + w_b); mu_best, mu_b),

and the maximising ``w`` are the shares to aim at. Garivier, Kaufmann, COLT 2016, "Optimal best arm identification
with fixed confidence": theorem 1 (bound), lemma 3 and theorem 5 (computing w), section 3.1 (D-tracking), equation (7)
(the statistic Z) and theorem 10 (stop when min_b Z > log(2 t (K - 1) / alpha), for rewards of 0 and 1, whatever chose
the arms). Sums over a batch instead of single draws: shares move towards ``w`` by the deficit of each arm.

Rewards: ``bernoulli`` (means within (0, 1)) or ``gaussian`` with one known variance. Larger is better.
Assumptions: rewards of an arm are independent with one mean. Not for drifting rewards, not for several units of one
user. The threshold is exact for Bernoulli rewards; for Gaussian ones it is the paper's heuristic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]
Divergence = Callable[[float, float], float]
_NEAR = 1e-9  # of a Bernoulli mean to 0 and 1, and of two arms by which they are tied
_LARGEST = 1 - 1e-11


class Stopping(NamedTuple):
    """Whether the best arm is known.

    Attributes:
        best: index of the arm with the largest mean.
        statistic: min_b Z(best, b), the evidence against the nearest other arm.
        threshold: what it must exceed.
    """

    best: int
    statistic: float
    threshold: float

    @property
    def is_found(self) -> bool:
        """Whether the search may stop."""
        return self.statistic > self.threshold


def bernoulli(p: float, q: float) -> float:
    """Kullback-Leibler divergence of two Bernoulli means."""
    p, q = (min(1 - _NEAR, max(_NEAR, x)) for x in (p, q))
    return max(0.0, p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)))  # rounding may leave less


def gaussian(variance: float) -> Divergence:
    """Divergence of two normal means with the same known variance, above 0."""
    return lambda p, q: (p - q) ** 2 / (2 * variance)


def optimal_shares(means: Sequence[float], divergence: Divergence = bernoulli) -> Floats:
    """Shares w that find the best arm soonest, shape (arms,), summing to 1. Arms tied for best share equally.

    Args:
        means: of each arm, at least two.
        divergence: of the rewards.

    Raises:
        ValueError: fewer than two arms.
    """
    if len(means) < 2:
        raise ValueError("a best arm needs another one beside it")
    best = int(np.argmax(means))
    tied = [a for a, mean in enumerate(means) if divergence(means[best], mean) <= _NEAR]
    if len(tied) > 1:
        return np.array([1 / len(tied) if a in tied else 0.0 for a in range(len(means))])
    others = [a for a in range(len(means)) if a != best]
    highest = min(divergence(means[best], means[a]) for a in others) * (1 - _NEAR)

    def weights(level: float) -> list[float]:
        return [_weight(level, means[best], means[a], divergence) for a in others]

    def excess(level: float) -> float:  # F of theorem 5, which rises from 0 to infinity, beyond 1
        return _balance(weights(level), means, best, others, divergence) - 1

    shares = np.ones(len(means))
    is_near_tie = excess(highest) <= 0
    shares[others] = weights(highest if is_near_tie else brentq(excess, 0.0, highest, xtol=highest * 1e-10))
    return np.asarray(shares / shares.sum(), np.float64)


def characteristic_time(means: Sequence[float], divergence: Divergence = bernoulli) -> float:
    """T*: units needed for each unit of log(1/alpha), infinite when the best arms are tied."""
    return 1 / found if (found := _evidence(optimal_shares(means, divergence), means, divergence)) else math.inf


def stopping(
    totals: Sequence[float], counts: Sequence[int], alpha: float, divergence: Divergence = bernoulli
) -> Stopping:
    """Whether the best arm is known with error at most ``alpha``, at every look.

    Args:
        totals: sum of rewards of each arm.
        counts: units of each arm; an arm without any keeps the search open.
        alpha: within (0, 1).
        divergence: of the rewards.
    """
    units, arms = sum(counts), len(counts)
    if arms < 2 or not all(counts):
        return Stopping(0, 0.0, math.inf)
    means = [total / n for total, n in zip(totals, counts, strict=True)]
    statistic = _evidence(np.asarray(counts, float), means, divergence)
    return Stopping(int(np.argmax(means)), statistic, math.log(2 * units * (arms - 1) / alpha))


def tracking_shares(counts: Sequence[int], wanted: Sequence[float], batch: int) -> Floats:
    """Shares of the next ``batch`` units that bring the counts nearest to ``wanted``, shape (arms,), summing to 1.

    D-tracking over a batch: an arm with fewer than sqrt(t) - K/2 units is explored first (the paper's forced
    exploration), then each arm gets its deficit against ``wanted`` of all units.

    Args:
        counts: units of each arm so far.
        wanted: from :func:`optimal_shares`.
        batch: units to be allocated, at least 1.
    """
    had = np.asarray(counts, float)
    after = had.sum() + batch
    explored = np.maximum(0.0, math.sqrt(after) - len(had) / 2 - had)
    if explored.sum() >= batch:
        return np.asarray(explored / explored.sum(), np.float64)
    deficits = np.maximum(explored, np.asarray(wanted, float) * after - had)
    extra = deficits - explored
    left = batch - explored.sum()
    rest = extra * left / extra.sum() if extra.sum() else left * np.asarray(wanted, float)
    return np.asarray((explored + rest) / batch, np.float64)


def _weight(target: float, best: float, other: float, divergence: Divergence) -> float:
    """x with g(x) = d(best, m) + x d(other, m) = ``target``, m = (best + x other) / (1 + x); g rises to d(best, other).

    Solved for u = x / (1 + x), which is bounded.
    """
    if target <= 0:
        return 0.0

    def excess(u: float) -> float:
        return _cost(u / (1 - u), best, other, divergence) - target

    u = _LARGEST if excess(_LARGEST) <= 0 else float(brentq(excess, 0.0, _LARGEST, xtol=1e-14))
    return u / (1 - u)


def _cost(x: float, best: float, other: float, divergence: Divergence) -> float:
    middle = (best + x * other) / (1 + x)
    return divergence(best, middle) + x * divergence(other, middle)


def _balance(
    weights: Sequence[float], means: Sequence[float], best: int, others: Sequence[int], divergence: Divergence
) -> float:
    total = 0.0
    for x, other in zip(weights, others, strict=True):
        middle = (means[best] + x * means[other]) / (1 + x)
        below = divergence(means[other], middle)
        total += divergence(means[best], middle) / below if below else math.inf
    return total


def _evidence(amounts: Floats, means: Sequence[float], divergence: Divergence) -> float:
    """min_b of n_best d(mu_best, m) + n_b d(mu_b, m), m the pooled mean of the two."""
    best = int(np.argmax(means))
    found = math.inf
    for other, mean in enumerate(means):
        both = amounts[best] + amounts[other]
        if other == best or not both:
            continue
        pooled = (amounts[best] * means[best] + amounts[other] * mean) / both
        evidence = amounts[best] * divergence(means[best], pooled) + amounts[other] * divergence(mean, pooled)
        found = min(found, float(evidence))
    return found
