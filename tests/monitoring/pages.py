"""Which metrics the product's own pages have."""

from __future__ import annotations

import re
from pathlib import Path

from tests.scenarios.world import World

from tidegate.gateway.process_figures import ProcessFigures
from tidegate.gateway.telemetry import Telemetry
from tidegate.gateway.telemetry_page import render

_TYPE = re.compile(r"# TYPE (\S+) (\S+)")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


async def metric_names(folder: Path) -> set[str]:
    """Names of the samples that a gateway and a control process serve."""
    telemetry = Telemetry(gateway="g1")
    telemetry.series("bot", "v1", "stable").outcomes["ok"] += 1
    world = await World.create(folder)
    try:
        pages = [await render(telemetry, ProcessFigures()), await world.control.telemetry_page()]
    finally:
        await world.close()
    found: set[str] = set()
    for page in pages:
        for name, kind in _TYPE.findall(page.decode()):
            found |= {name + suffix for suffix in _SUFFIXES.get(kind, ("",))}
    return found
