"""What a stream is remembered by: integer sums that add up to the same bits however the stream was split.

Integers, because sums of floats are not associative: two gateways and one would otherwise disagree in the last bit,
and with it a verdict at its limit. Quantities are therefore counted in small whole units (microseconds, nano-USD,
millionths of a score). Histograms are in :mod:`~tidegate.stats.distribution`,
ratios of two sums in :mod:`~tidegate.stats.ratio`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Self

import msgspec


class Additive(msgspec.Struct, frozen=True, omit_defaults=True):
    """Fields that add up one by one; the empty summary is neutral."""

    def __add__(self, other: Self) -> Self:
        mine, theirs = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return type(self)(*(a + b for a, b in zip(mine, theirs, strict=True)))


class Events(Additive, frozen=True, omit_defaults=True):
    """How many units had the event.

    Attributes:
        events: units with it.
        trials: units.
    """

    events: int = 0
    trials: int = 0

    @property
    def rate(self) -> float:
        """Events per unit; NaN without units."""
        return self.events / self.trials if self.trials else math.nan


class Moments(Additive, frozen=True, omit_defaults=True):
    """Sums of one quantity.

    Attributes:
        count: values.
        total: their sum.
        squares: the sum of their squares.
    """

    count: int = 0
    total: int = 0
    squares: int = 0

    @classmethod
    def of(cls, values: Iterable[int]) -> Self:
        """All of ``values``, whole numbers."""
        found = tuple(values)
        return cls(len(found), sum(found), sum(value * value for value in found))

    @property
    def mean(self) -> float:
        """Arithmetic mean; NaN without values."""
        return self.total / self.count if self.count else math.nan

    @property
    def variance(self) -> float:
        """Sample variance (n - 1), from one exact integer; NaN with fewer than two values."""
        if self.count < 2:
            return math.nan
        return (self.count * self.squares - self.total * self.total) / (self.count * (self.count - 1))


class Covaried(Additive, frozen=True, omit_defaults=True):
    """A quantity with a covariate that was known before the assignment, for CUPED.

    Attributes:
        count: units.
        total, squares: sums of the quantity y and its square.
        covariate, covariate_squares, products: sums of x, x**2, x y.
    """

    count: int = 0
    total: int = 0
    squares: int = 0
    covariate: int = 0
    covariate_squares: int = 0
    products: int = 0

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> Self:
        """(quantity, covariate) of each unit."""
        found = tuple(pairs)
        return cls(
            len(found),
            sum(y for y, _ in found),
            sum(y * y for y, _ in found),
            sum(x for _, x in found),
            sum(x * x for _, x in found),
            sum(x * y for y, x in found),
        )
