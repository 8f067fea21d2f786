"""One service: what its users get over time, its releases and its versions."""

from __future__ import annotations

from typing import Any

from tidegate.dashboard.looking import Context, Look, Page
from tidegate.shapes.traffic import Traffic

SPANS = {"1h": 3600, "6h": 6 * 3600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
_RELEASES_A_PAGE = 20
_VERSIONS_SHOWN = 12


async def gather(look: Look) -> Context:
    """Its status, its traffic over the span that was asked for, history and versions."""
    ask, name = look.ask, look.path["service"]
    span = look.query.get("last", "1h") if look.query.get("last") in SPANS else "1h"
    status = await ask.status(name)
    history = await ask.history(name, limit=_RELEASES_A_PAGE, cursor=look.query.get("after") or None)
    traffic = await ask.traffic(name, last_seconds=SPANS[span])
    (current,) = (await ask.current_traffic(services=(name,))).items
    return {
        "status": status,
        "declared": await ask.service(name),
        "releases": history.items,
        "following": history.next,
        "versions": (await ask.versions(name, limit=_VERSIONS_SHOWN)).versions,
        "current": current,
        "targets": (await ask.rollback_targets(name)).items,
        "traffic": traffic,
        "series": columns(traffic),
        "span": span,
        "spans": list(SPANS),
    }


def columns(traffic: Traffic) -> dict[str, list[Any]]:
    """Traffic of all versions together, as columns for the interactive charts; gaps are ``None``."""
    step = traffic.step_seconds
    sums: dict[int, list[Any]] = {}
    for series in traffic.series:
        for point in series.points:
            row = sums.setdefault(int(point.at.timestamp()), [0, 0, None, None])
            row[0] += point.requests
            row[1] += point.failures
            row[2] = _larger(row[2], point.ttft_p95_seconds)
            row[3] = None if point.cost_usd is None else (row[3] or 0.0) + point.cost_usd
    begin, end = int(traffic.since.timestamp()), int(traffic.until.timestamp())
    times = list(range(begin, max(begin + step, end - end % step), step))
    rows = [sums.get(at) for at in times]
    return {
        "at": times,
        "rate": [0 if row is None else round(row[0] / step, 4) for row in rows],
        "errors": [None if row is None or not row[0] else round(100 * row[1] / row[0], 3) for row in rows],
        "ttft": [None if row is None or row[2] is None else round(row[2] * 1000, 1) for row in rows],
        "cost": [None if row is None or row[3] is None else round(row[3] / step * 3600, 5) for row in rows],
    }


def _larger(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


PAGE = Page(address="/services/{service}", template="service.html", gather=gather, parts=("service_now",))
