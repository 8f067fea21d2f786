"""What users and applications said of answers, added up: yes or no, numbers, categories, by the name they gave it."""

from __future__ import annotations

import msgspec

from tidegate.stats.distribution import Distribution

FEEDBACK = "feedback:"  # before a name: what metrics and votes are about
JUDGE = "judge:"  # also of its scores among the opinions
MICRO = 1_000_000  # numbers are counted in millionths, so that sums are exact


class Opinions(msgspec.Struct, frozen=True, omit_defaults=True):
    """Additive counts of one feedback name.

    Attributes:
        yes, no: answers of a question with two.
        count, total, squares: of numbers, in millionths.
        categories: how often each was chosen.
    """

    yes: int = 0
    no: int = 0
    count: int = 0
    total: int = 0
    squares: int = 0
    categories: dict[str, int] = {}

    @classmethod
    def of(cls, value: bool | float | str) -> Opinions:
        """One answer: yes or no, a finite number, or a category."""
        if isinstance(value, bool):
            return cls(yes=int(value), no=int(not value))
        if isinstance(value, str):
            return cls(categories={value: 1})
        micro = round(value * MICRO)
        return cls(count=1, total=micro, squares=micro * micro)

    def __add__(self, other: Opinions) -> Opinions:
        return Opinions(
            self.yes + other.yes,
            self.no + other.no,
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
            _added(self.categories, other.categories, 1),
        )

    def without(self, earlier: Opinions) -> Opinions:
        """What was added beside ``earlier``, a part of this one."""
        negative = Opinions(-earlier.yes, -earlier.no, -earlier.count, -earlier.total, -earlier.squares)
        left = self + negative
        return msgspec.structs.replace(left, categories=_added(self.categories, earlier.categories, -1))

    @property
    def numbers(self) -> Distribution:
        """The numbers, in millionths, without buckets: they may be negative, and only their mean is judged."""
        return Distribution(self.count, self.total, self.squares)

    @property
    def chosen(self) -> int:
        """How often any category was."""
        return sum(self.categories.values())

    def chose(self, category: str) -> int:
        """How often this one was."""
        return self.categories.get(category, 0)

    def share(self, category: str) -> float | None:
        """The part of the chosen categories that this one is; ``None`` while none was chosen."""
        return self.chose(category) / self.chosen if self.chosen else None


def _added(one: dict[str, int], other: dict[str, int], sign: int) -> dict[str, int]:
    """Without what adds up to nothing, so that equal counts are equal."""
    if not other:
        return one
    sums = one | {name: one.get(name, 0) + sign * count for name, count in other.items()}
    return {name: count for name, count in sums.items() if count}
