"""Ratios of two quantities that each unit brings, such as tokens per second: the ratio of the sums, and its error.

With N_i and D_i of unit i and R = sum N / sum D, the residuals are e_i = N_i - R D_i and

    Var R = k / (k - 1) * sum e_i**2 / (sum D)**2        (k units)

The mean of the units' own ratios is another quantity, in which a unit with a tiny denominator weighs as much as
any. Sums are integers, so merging is exact. Sources: Cochran, Sampling Techniques, 1977, ch. 6; Deng, Knoblich, Lu,
KDD 2018 (delta method for metrics whose unit of analysis is finer than that of assignment).

Assumption: units are independent. Not for fewer than about 100 units, nor for a denominator near 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from tidegate.stats.asymptotic import Effect, critical


class Ratio(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sufficient statistics of one ratio.

    Attributes:
        count: units.
        top, bottom: sums of N and of D.
        top_squares, bottom_squares, products: sums of N squared, of D squared and of N D.
    """

    count: int = 0
    top: int = 0
    bottom: int = 0
    top_squares: int = 0
    bottom_squares: int = 0
    products: int = 0

    @classmethod
    def of(cls, top: int, bottom: int) -> Ratio:
        """One unit, integers."""
        return cls(1, top, bottom, top * top, bottom * bottom, top * bottom)

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(
            self.count + other.count,
            self.top + other.top,
            self.bottom + other.bottom,
            self.top_squares + other.top_squares,
            self.bottom_squares + other.bottom_squares,
            self.products + other.products,
        )

    def without(self, earlier: Ratio) -> Ratio:
        """What was added beside ``earlier``, a part of this one."""
        return self + Ratio(
            -earlier.count,
            -earlier.top,
            -earlier.bottom,
            -earlier.top_squares,
            -earlier.bottom_squares,
            -earlier.products,
        )

    @property
    def value(self) -> float:
        """R; 0 without a denominator."""
        return self.top / self.bottom if self.bottom else 0.0

    @property
    def relative_error(self) -> float:
        """Standard error of R in parts of R; infinite with fewer than two units or a numerator of 0."""
        if self.count < 2 or not self.top or not self.bottom:
            return math.inf
        ratio = self.value
        residual = max(0.0, self.top_squares - 2 * ratio * self.products + ratio * ratio * self.bottom_squares)
        return math.sqrt(self.count / (self.count - 1) * residual) / self.top


def log_ratio_of_ratios(
    strata: Sequence[tuple[Ratio, Ratio]], alpha: float, *, horizon: int, is_two_sided: bool = False
) -> Effect:
    """log of candidate's ratio over stable's, compared within each stratum, valid at every look (AsympCS).

    Strata are weighted by the information they hold, n_C n_S / (n_C + n_S); one in which an arm has fewer than two
    units or a ratio of 0 holds none.

    Args:
        strata: candidate and stable of each.
        alpha, horizon: as :func:`tidegate.stats.asymptotic.critical` has them.
    """
    total = found = variance = 0.0
    units = 0
    for candidate, stable in strata:
        error = math.hypot(candidate.relative_error, stable.relative_error)
        if not math.isfinite(error):
            continue
        weight = candidate.count * stable.count / (candidate.count + stable.count)
        total += weight
        found += weight * math.log(candidate.value / stable.value)
        variance += (weight * error) ** 2
        units += candidate.count + stable.count
    if not total:
        return Effect(math.nan, -math.inf, math.inf)
    width = math.sqrt(variance) / total * critical(units, alpha, horizon=horizon, is_two_sided=is_two_sided)
    return Effect(found / total, found / total - width, found / total + width)
