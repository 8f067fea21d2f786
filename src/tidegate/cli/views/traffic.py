"""Traffic over time as people read it."""

from __future__ import annotations

from rich.text import Text

from tidegate.cli.output import Cell, table
from tidegate.cli.wording import UNKNOWN, duration, instant
from tidegate.shapes.traffic import Traffic, TrafficPoint


def traffic_table(traffic: Traffic) -> list[Text]:
    """One line for each stretch and version, newest last."""
    found = sorted(
        ((point, series.version) for series in traffic.series for point in series.points),
        key=lambda each: (each[0].at, each[1]),
    )
    if not found:
        return [Text(f"No requests of {traffic.service} in that time.")]
    titles = ["from", "version", "requests", "failed", "ttft p95", "latency p95", "cost"]
    rows = [_row(point, version, traffic.step_seconds) for point, version in found]
    return table(titles, rows, numbers={2, 3, 4, 5, 6})


def _row(point: TrafficPoint, version: str, step: int) -> list[Cell]:
    return [
        f"{instant(point.at)} +{duration(step)}",
        version or UNKNOWN,
        str(point.requests),
        str(point.failures),
        duration(point.ttft_p95_seconds),
        duration(point.latency_p95_seconds),
        UNKNOWN if point.cost_usd is None else f"${point.cost_usd:.4f}",
    ]
