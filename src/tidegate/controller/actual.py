"""What gateways really do for a release, from what they acknowledged and from what was observed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from tidegate.controller.gateways import GatewayView
from tidegate.delivery.release import STABLE, ReleaseState
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.registry import observations
from tidegate.registry.database import Database
from tidegate.registry.observations import Counted, CountKey
from tidegate.registry.releases import ReleaseRow
from tidegate.shapes.releases import ActualTraffic

_LOG = structlog.get_logger("tidegate.actual")
_SECONDS = 0.5  # for counts; whoever looks at a release does not wait for them

Counts = Mapping[CountKey, Counted]


async def read_counts_of(observed: Database, release: str) -> Counts | None:
    """What was observed of a release, by step and variant; ``None`` when nobody can say in time."""
    try:
        async with asyncio.timeout(_SECONDS), observed.read() as connection:
            return (await observations.read_counts(connection, [release]))[release]
    except Exception as error:  # looking at a release works without
        _LOG.warning("counts_unreadable", release=release, error=str(error) or type(error).__name__)
        return None


def actual_traffic(
    row: ReleaseRow, counts: Counts | None, live: Sequence[GatewayView], wanted: tuple[int, int] | None
) -> ActualTraffic:
    """What was observed in the release's step, and which gateways serve what it wants.

    Args:
        live: gateways that may be serving.
        wanted: epoch and revision that the release waits for, or the newest; ``None`` before any was published.
    """
    seen = _observed(row.state, counts or {})
    total = sum(seen.values())
    lagging = [
        view.heartbeat.gateway
        for view in live
        if wanted is not None and (view.heartbeat.epoch, view.heartbeat.revision) < wanted
    ]
    return ActualTraffic(
        weights={version: round(count * TOTAL_WEIGHT / total) for version, count in seen.items()} if total else {},
        requests=total,
        gateways=len(live),
        current=len(live) - len(lagging),
        lagging=tuple(lagging),
    )


def _observed(state: ReleaseState, counts: Counts) -> dict[str, int]:
    """Requests by version in the present step, over all its rounds."""
    names = state.arms | {STABLE: state.stable or STABLE}
    seen: dict[str, int] = {}
    for (_, attempt, step, _, variant), counted in counts.items():
        if (attempt, step) == (state.attempt, state.step):
            version = names.get(variant, variant)
            seen[version] = seen.get(version, 0) + counted.total.requests
    return seen
