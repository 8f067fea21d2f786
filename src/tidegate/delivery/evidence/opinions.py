"""What users and applications said of answers, added up: yes or no, or numbers, by the name they gave it."""

from __future__ import annotations

import msgspec

from tidegate.stats.distribution import Distribution

MICRO = 1_000_000  # numbers are counted in millionths, so that sums are exact


class Opinions(msgspec.Struct, frozen=True, omit_defaults=True):
    """Additive counts of one feedback name.

    Attributes:
        yes, no: answers of a question with two.
        count, total, squares: of numbers, in millionths.
    """

    yes: int = 0
    no: int = 0
    count: int = 0
    total: int = 0
    squares: int = 0

    @classmethod
    def of(cls, value: bool | float) -> Opinions:
        """One answer, a finite number or yes or no."""
        if isinstance(value, bool):
            return cls(yes=int(value), no=int(not value))
        micro = round(value * MICRO)
        return cls(count=1, total=micro, squares=micro * micro)

    def __add__(self, other: Opinions) -> Opinions:
        return Opinions(
            self.yes + other.yes,
            self.no + other.no,
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
        )

    def without(self, earlier: Opinions) -> Opinions:
        """What was added beside ``earlier``, a part of this one."""
        return self + Opinions(-earlier.yes, -earlier.no, -earlier.count, -earlier.total, -earlier.squares)

    @property
    def numbers(self) -> Distribution:
        """The numbers, in millionths, without buckets: they may be negative, and only their mean is judged."""
        return Distribution(self.count, self.total, self.squares)
