"""One method in one world, and what its runs gave."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Once = Callable[[np.random.Generator], int | None]
"""One run: after how many units the method acted, ``None`` if it never did."""


class Row(NamedTuple):
    """One method in one world.

    Attributes:
        most: false alarms that are promised at most, ``None`` for power or a contrast.
        least: power that is promised at least.
        part: of the runs, for slow worlds.
        within: units that a power counts.
    """

    world: str
    method: str
    once: Once
    most: float | None = None
    least: float | None = None
    part: float = 1.0
    within: int | None = None


class Measured(NamedTuple):
    """What the runs of a row gave."""

    row: Row
    runs: int
    found: float
    error: float
    median: float | None

    @property
    def is_kept(self) -> bool:
        """Whether the promise holds."""
        allowed = 3 * math.sqrt(0.05 * 0.95 / self.runs) if self.row.most is not None else 0.0
        too_many = self.row.most is not None and self.found > self.row.most + allowed
        return not too_many and (self.row.least is None or self.found >= self.row.least)

    def line(self) -> str:
        """A row of the table."""
        promise = "" if self.row.most is None else f"≤ {self.row.most:.1%}"
        promise = promise if self.row.least is None else f"≥ {self.row.least:.0%}"
        median = "" if self.median is None else f"{self.median:,.0f}"
        mark = "" if self.is_kept else " **broken**"
        cells = (self.row.world, self.row.method, f"{self.runs:,}", f"{self.found:.1%}", f"{self.error:.1%}")
        return f"| {' | '.join(cells)} | {promise}{mark} | {median} |"


def measure(row: Row, runs: int, seed: int) -> Measured:
    """All runs of a row, each with a seed of its own."""
    count = max(10, round(runs * row.part))
    stops = [row.once(np.random.default_rng([seed, run])) for run in range(count)]
    found = [at for at in stops if at is not None]
    part = len(found) / count
    median = statistics.median(found) if found and row.most is None else None
    return Measured(row, count, part, math.sqrt(part * (1 - part) / count), median)
