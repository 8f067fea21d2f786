"""Two answers to one request: is the candidate's larger? (self-normalised e-process of paired differences)

With differences ``d`` (candidate minus stable), S = sum d and V = sum d**2, for every fixed ``l``

    exp(l S - l**2 V / 2)

is a supermartingale of mean at most 1 when each difference is symmetric around 0 given the past: exp(l d - l**2 d**2
/ 2) averages at most 1 over ``d`` and ``-d``, because cosh(x) <= exp(x**2 / 2). Mixed over l ~ N(0, 1/rho), or over
its positive half, Phi the normal distribution:

    two-sided:  E = sqrt(rho / (V + rho)) exp(S**2 / (2 (V + rho)))
    one-sided:  E = 2 sqrt(rho / (V + rho)) exp(S**2 / (2 (V + rho))) Phi(S / sqrt(V + rho))

Sources: de la Peña, Ann. Probab. 27(1), 1999 (the supermartingale, lemma 6.1 for symmetric variables); Howard,
Ramdas, McAuliffe, Sekhon, Ann. Statist. 49(2), 2021, section 3.2 (normal mixtures, two- and one-sided).

Assumptions: differences of equal arms are symmetric, which holds when both arms answer the same request and are
exchangeable given it; one difference for each unit. No moment is needed: heavy tails cost power, not validity. Not
when the arms ran under different load or caches (a mirror's latency), and not for arms that differ in spread only.
The sums are integers, so any split over gateways gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

RHO = 25.0
"""rho in squared scales; at alpha = 5 % the test is sharpest after about eight times as many pairs."""
_HALVINGS = 60


class Differences(msgspec.Struct, frozen=True, omit_defaults=True):
    """Additive sums of paired differences, in any integer unit (microseconds, score x 10**6, log ratio x 10**6).

    Attributes:
        count: pairs.
        total: sum of candidate minus stable.
        squares: sum of the squared differences.
    """

    count: int = 0
    total: int = 0
    squares: int = 0

    @classmethod
    def of(cls, differences: Iterable[int]) -> Differences:
        """All of ``differences``."""
        values = tuple(differences)
        return cls(len(values), sum(values), sum(value * value for value in values))

    def __add__(self, other: Differences) -> Differences:
        return Differences(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def minus(self, offset: int) -> Differences:
        """The same pairs with ``offset`` taken from each difference: to test against a tolerance."""
        return Differences(
            self.count,
            self.total - self.count * offset,
            self.squares - 2 * offset * self.total + self.count * offset * offset,
        )

    @property
    def mean(self) -> float:
        """Mean difference; NaN without pairs."""
        return self.total / self.count if self.count else math.nan


def log_evidence_of_increase(pairs: Differences, *, scale: float, tolerated: int = 0) -> float:
    """log E against "differences lie symmetrically around ``tolerated``, or below"; act at log(1/alpha).

    Args:
        pairs: without any there is no evidence (0).
        scale: typical size of a difference in the unit of ``pairs``, above 0, fixed beforehand; a wrong one costs
            power, never validity.
        tolerated: in the unit of ``pairs``.

    Raises:
        ValueError: ``scale`` is not above 0.
    """
    total, spread, rho = _normalised(pairs.minus(tolerated), scale)
    tail = _log_normal_cdf(total / math.sqrt(spread + rho))
    return math.log(2) + _log_mixture(total, spread, rho) + tail


def log_evidence_of_decrease(pairs: Differences, *, scale: float, tolerated: int = 0) -> float:
    """log E against "differences lie symmetrically around ``tolerated``, or above"; else as the increase."""
    mirrored = Differences(pairs.count, -pairs.total, pairs.squares)
    return log_evidence_of_increase(mirrored, scale=scale, tolerated=-tolerated)


def log_evidence_of_difference(pairs: Differences, *, scale: float) -> float:
    """log E against "differences are symmetric around 0", whichever arm has more."""
    return _log_mixture(*_normalised(pairs, scale))


def interval(pairs: Differences, alpha: float, *, scale: float) -> tuple[float, float]:
    """The centres of symmetry that two-sided evidence has not ruled out; anytime-valid at level ``alpha``.

    With A = V - S**2/n + rho and u = n (c - mean)**2 / A, log E(c) = (log(rho/A) - log(1 + u) + n u/(1 + u)) / 2,
    which rises until u = n - 1. The interval is the part around the mean; centres beyond that peak, exp(n/2) scales
    away, are held to be impossible.

    Args:
        pairs: fewer than about 2 log(1/alpha) of them leave both sides infinite.
        alpha: within (0, 1).
        scale: as for the evidence.
    """
    n = pairs.count
    _normalised(pairs, scale)
    if n < 2:
        return -math.inf, math.inf
    rho = RHO * scale * scale
    spread = (n * pairs.squares - pairs.total**2) / n + rho

    def found(u: float) -> float:
        return 0.5 * (math.log(rho / spread) - math.log1p(u) + n * u / (1 + u))

    enough, inside, outside = -math.log(alpha), 0.0, float(n - 1)
    if found(outside) < enough:
        return -math.inf, math.inf
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if found(middle) >= enough else (middle, outside)
    width = math.sqrt(outside * spread / n)
    return pairs.mean - width, pairs.mean + width


def _normalised(pairs: Differences, scale: float) -> tuple[int, int, float]:
    if not scale > 0:
        raise ValueError(f"the typical size of a difference must be above 0, and {scale} is not")
    return pairs.total, pairs.squares, RHO * scale * scale


def _log_mixture(total: float, spread: float, rho: float) -> float:
    return 0.5 * math.log(rho / (spread + rho)) + total * total / (2 * (spread + rho))


def _log_normal_cdf(z: float) -> float:
    """log Phi(z); below -30 by the first terms of Mills' ratio, where erfc would vanish."""
    if z > -30:
        return math.log(math.erfc(-z / math.sqrt(2)) / 2)
    return -z * z / 2 - math.log(-z * math.sqrt(2 * math.pi)) + math.log1p(-1 / (z * z))
