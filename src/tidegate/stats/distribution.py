"""Positive quantities as additive integers: count, sum, sum of squares and a log-bucket histogram.

Bucket ``i`` holds values in ``(2**(i/32), 2**((i+1)/32)]`` (OpenTelemetry exponential histogram, scale 5), so a
value is known to within 1.1 % and merging is exact. Sums are plain integers of any size: adding them is
associative and commutative to the last bit, whatever the split over gateways.
"""

from __future__ import annotations

import math

import msgspec

SCALE = 32
ZERO_BUCKET = -1  # values of 1 and below: (2**(-1/32), 1] and everything under it


class Distribution(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sufficient statistics of one quantity.

    Attributes:
        count: values added.
        total: their sum.
        squares: the sum of their squares.
        buckets: bucket index -> values in it.
    """

    count: int = 0
    total: int = 0
    squares: int = 0
    buckets: dict[int, int] = {}

    @classmethod
    def of(cls, value: int) -> Distribution:
        """One value, an integer of at least 0."""
        return cls(1, value, value * value, {bucket(value): 1})

    def __add__(self, other: Distribution) -> Distribution:
        if other.is_nothing:
            return self
        if self.is_nothing:
            return other
        return self._merged(other, 1)

    def without(self, earlier: Distribution) -> Distribution:
        """What was added beside ``earlier``, a part of this one. A part that is taken out before it was put in leaves
        negative counts, until it comes."""
        if earlier.is_nothing:
            return self
        return self._merged(earlier, -1)

    @property
    def is_nothing(self) -> bool:
        """Whether adding it changes nothing; one that holds what is taken out elsewhere may count 0 and yet change."""
        return not (self.count or self.total or self.squares or self.buckets)

    def _merged(self, other: Distribution, sign: int) -> Distribution:
        merged = dict(self.buckets)
        for index, count in other.buckets.items():
            left = merged.get(index, 0) + sign * count
            if left:
                merged[index] = left
            else:
                merged.pop(index, None)
        return Distribution(
            self.count + sign * other.count,
            self.total + sign * other.total,
            self.squares + sign * other.squares,
            merged,
        )

    @property
    def mean(self) -> float:
        """Arithmetic mean; 0 without values."""
        return self.total / self.count if self.count else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation of the sample (n - 1); 0 with fewer than two values."""
        if self.count < 2:
            return 0.0
        scaled = self.count * self.squares - self.total * self.total  # exact in integers
        return math.sqrt(scaled / (self.count * (self.count - 1)))

    def above(self, threshold: float) -> int:
        """Values certainly above ``threshold``: those of buckets that begin at or above it."""
        return sum(count for index, count in self.buckets.items() if lower_edge(index) >= threshold)

    def maybe_above(self, threshold: float) -> int:
        """Values possibly above ``threshold``: those of buckets that end above it."""
        return sum(count for index, count in self.buckets.items() if upper_edge(index) > threshold)

    def quantile(self, q: float) -> float:
        """Upper edge of the bucket that holds the ``q`` quantile; 0 without values."""
        rank = max(1, math.ceil(q * self.count))
        seen = 0
        for index in sorted(self.buckets):
            seen += self.buckets[index]
            if seen >= rank:
                return upper_edge(index)
        return 0.0


def bucket(value: int) -> int:
    """Index of the bucket of ``value``; 0 and 1 share :data:`ZERO_BUCKET`."""
    return math.ceil(math.log2(value) * SCALE) - 1 if value > 1 else ZERO_BUCKET


def lower_edge(index: int) -> float:
    """What every value of a bucket exceeds, or -infinity for the lowest one."""
    return -math.inf if index <= ZERO_BUCKET else math.exp2(index / SCALE)


def upper_edge(index: int) -> float:
    """The largest value of a bucket."""
    return math.exp2((index + 1) / SCALE)
