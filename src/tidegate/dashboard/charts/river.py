"""The river: requests of each version over time, one band upon the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tidegate.dashboard.charts.scale import WIDTH, Scale, Upright, area, nice_ceiling
from tidegate.shapes.traffic import Traffic

_OTHERS = 4  # colours of versions that are neither stable nor on trial


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """One version in the river.

    Attributes:
        kind: ``stable``, ``candidate``, or ``other-N``; which colour it has.
        path: the ``d`` of its area.
        share: of the newest whole stretch, parts of one.
        requests: in all.
    """

    version: str
    kind: str
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


def river(
    traffic: Traffic, first: Sequence[str] = (), candidate: str | None = None, until: datetime | None = None
) -> River:
    """Bands from the bottom up.

    Args:
        traffic: what is drawn.
        first: versions that come first, the stable one; the others follow as they came.
        candidate: the version on trial, in the one accent.
        until: the right edge, where the traffic goes on beyond what the picture is about.
    """
    step, end = traffic.step_seconds, min(until or traffic.until, traffic.until)
    counts = _by_version(traffic)
    versions = [name for name in dict.fromkeys((*first, *counts)) if counts.get(name)]
    last = int((end - traffic.since).total_seconds()) // step
    places = range(max(1, last))  # the stretch that has just begun would look like a collapse
    totals = [sum(counts[name].get(place, 0) for name in versions) for place in places]
    top = nice_ceiling(max(totals, default=0) / step)
    kinds = _kinds(versions, first, candidate)
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
                kind=kinds[name],
                path=area(upper, lower),
                share=newest / totals[-1] if totals[-1] else 0.0,
                requests=sum(count for place, count in counts[name].items() if place <= places[-1] + 1),
            )
        )
        floor = ceiling
    return River(bands=tuple(bands), top=top, since=traffic.since, until=end)


def _kinds(versions: Sequence[str], first: Sequence[str], candidate: str | None) -> dict[str, str]:
    others = [name for name in versions if name != candidate and name != next(iter(first), None)]
    kinds = {name: f"other-{index % _OTHERS + 1}" for index, name in enumerate(others)}
    return {name: "candidate" if name == candidate else kinds.get(name, "stable") for name in versions}


def _by_version(traffic: Traffic) -> Mapping[str, dict[int, int]]:
    """Requests by version and place, counted in steps from the left edge."""
    counts: dict[str, dict[int, int]] = {}
    for series in traffic.series:
        own = counts.setdefault(series.version, {})
        for point in series.points:
            place = int((point.at - traffic.since).total_seconds()) // traffic.step_seconds
            own[place] = own.get(place, 0) + point.requests
    return counts
