"""What is measured, by what it shows."""

from __future__ import annotations

from collections.abc import Iterator

from bench.statistics.row import Row
from bench.statistics.rows.comparisons import comparisons
from bench.statistics.rows.power import power
from bench.statistics.rows.trials import trials


def rows() -> Iterator[Row]:
    """Every row, false alarms first."""
    yield from comparisons()
    yield from trials()
    yield from power()
