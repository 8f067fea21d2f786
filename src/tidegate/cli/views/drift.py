"""How versions behave against their own first day, for the terminal."""

from __future__ import annotations

from rich.text import Text

from tidegate.cli.output import Cell, table
from tidegate.cli.wording import UNKNOWN
from tidegate.shapes.reports import DriftSignal, RateChange, ServiceDrift, VersionDrift

_TITLES = ["version", "signal", "first day", "now", "index", "noise", "change"]


def drift_table(found: ServiceDrift) -> list[Text]:
    """A line for each signal of each version."""
    if not found.versions:
        return [Text(f"{found.service} had no request in the last {found.now_seconds // 3600} hours.")]
    rows = [
        row
        for each in found.versions
        for name in (each.version.rpartition("/")[2],)
        for row in (*(_signal(name, each, s) for s in each.signals), *(_rate(name, r) for r in each.rates))
    ]
    return table(_TITLES, rows, numbers={2, 3, 4, 5})


def _signal(version: str, of: VersionDrift, signal: DriftSignal) -> list[Cell]:
    return [
        version,
        f"{signal.signal.replace('_', ' ')} (median)",
        _number(signal.first_median),
        _number(signal.now_median),
        UNKNOWN if signal.degree == "unknown" else f"{signal.index:.3f}",
        _number(signal.noise),
        _degree(of, signal),
    ]


def _degree(of: VersionDrift, signal: DriftSignal) -> str:
    if not of.is_first_over:
        return f"first day until {of.first_until:%Y-%m-%d %H:%M} UTC"
    return "too few values" if signal.degree == "unknown" else signal.degree


def _rate(version: str, rate: RateChange) -> list[Cell]:
    return [version, rate.signal.replace("_", " "), _share(rate.first), _share(rate.now), "", "", ""]


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3g}"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value * 100:.2f} %"
