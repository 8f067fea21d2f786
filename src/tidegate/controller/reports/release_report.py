"""Everything about one release, with all evidence: what it is read from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.views import incident_view
from tidegate.delivery.quantities import encode_quantity
from tidegate.registry import incidents, outbox
from tidegate.registry.observations import Counted, CountKey
from tidegate.registry.outbox import OutboxRow
from tidegate.registry.releases import ReleaseRow
from tidegate.shapes.operations import Checklist, Notification, ReleaseReport, StepCounts
from tidegate.shapes.releases import Explanation

_MOST_NOTIFICATIONS = 200


async def read_report(
    connection: AsyncConnection,
    row: ReleaseRow,
    explanation: Explanation,
    checklist: Checklist,
    counts: Mapping[CountKey, Counted],
    *,
    written_at: datetime,
) -> ReleaseReport:
    """Gather what belongs to the release; incidents of all its attempts."""
    past = [await incidents.of_attempt(connection, row.id, number + 1) for number in range(row.state.attempt)]
    told = await outbox.list_outbox(connection, release=row.id, limit=_MOST_NOTIFICATIONS)
    return ReleaseReport(
        written_at=written_at,
        explanation=explanation,
        declared=msgspec.to_builtins(row.spec, enc_hook=encode_quantity),
        checklist=checklist,
        counts=tuple(_step_counts(key, counted) for key, counted in sorted(counts.items())),
        incidents=tuple(incident_view(incident, row.state) for incident in past if incident is not None),
        notifications=tuple(notification_view(each) for each in reversed(told)),
    )


def notification_view(row: OutboxRow) -> Notification:
    """One message of the outbox in the public shape."""
    return Notification(
        id=row.id,
        sink=row.sink,
        event=row.event.rpartition(".")[2],
        standing=row.standing,
        payload=row.payload,
        dedupe_key=row.dedupe_key.removeprefix(f"{row.sink}:"),
        created_at=row.created_at,
        attempts=row.attempts,
        sent_at=row.sent_at,
        dead_at=row.dead_at,
        error=row.error,
    )


def _step_counts(key: CountKey, counted: Counted) -> StepCounts:
    _, attempt, step, round_, variant = key
    total = counted.total
    return StepCounts(
        attempt=attempt,
        step=step,
        round=round_,
        variant=variant,
        requests=total.requests,
        units=total.units,
        failures=total.failures,
        rescued=total.rescued,
        p95_seconds=total.latency.quantile(0.95) / 1e6 if total.latency.count else None,
        cost_usd=total.cost.total / 1e9,
    )
