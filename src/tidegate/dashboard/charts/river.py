"""The river: requests of each version over time, one band upon the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tidegate.dashboard.charts.scale import WIDTH, Scale, Upright, area, nice_ceiling
from tidegate.shapes.traffic import Traffic


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """One version in the river.

    Attributes:
        path: the ``d`` of its area.
        share: of the newest whole stretch, parts of one.
        requests: in all.
    """

    version: str
    path: str
    share: float
    requests: int


class River(msgspec.Struct, frozen=True, kw_only=True):
    """The picture, ``scale.WIDTH`` by ``scale.HEIGHT``.

    Attributes:
        top: requests a second at the upper edge.
        since, until: its left and right edge.
    """

    bands: tuple[Band, ...]
    top: float
    since: datetime
    until: datetime

    @property
    def requests(self) -> int:
        """Of all versions."""
        return sum(band.requests for band in self.bands)


def river(traffic: Traffic, first: Sequence[str] = ()) -> River:
    """Bands from the bottom up: the versions of ``first`` (the stable one), then the others as they came."""
    step = traffic.step_seconds
    counts = _by_version(traffic)
    versions = [name for name in dict.fromkeys((*first, *counts)) if counts.get(name)]
    last = int((traffic.until - traffic.since).total_seconds()) // step
    places = range(max(1, last))  # the stretch that has just begun would look like a collapse
    totals = [sum(counts[name].get(place, 0) for name in versions) for place in places]
    top = nice_ceiling(max(totals, default=0) / step)
    x, y = Scale(0, max(1, len(places) - 1), WIDTH), Upright(0, top * step)
    bands, floor = [], [0.0] * len(places)
    for name in versions:
        ceiling = [below + counts[name].get(place, 0) for below, place in zip(floor, places, strict=True)]
        upper = [(x(place), y(value)) for place, value in zip(places, ceiling, strict=True)]
        lower = [(x(place), y(value)) for place, value in zip(places, floor, strict=True)]
        newest = counts[name].get(places[-1], 0)
        bands.append(
            Band(
                version=name,
                path=area(upper, lower),
                share=newest / totals[-1] if totals[-1] else 0.0,
                requests=sum(counts[name].values()),
            )
        )
        floor = ceiling
    return River(bands=tuple(bands), top=top, since=traffic.since, until=traffic.until)


def _by_version(traffic: Traffic) -> Mapping[str, dict[int, int]]:
    """Requests by version and place, counted in steps from the left edge."""
    counts: dict[str, dict[int, int]] = {}
    for series in traffic.series:
        own = counts.setdefault(series.version, {})
        for point in series.points:
            place = int((point.at - traffic.since).total_seconds()) // traffic.step_seconds
            own[place] = own.get(place, 0) + point.requests
    return counts
