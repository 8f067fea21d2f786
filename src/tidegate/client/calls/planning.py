"""Plans: what a release would take and could detect, before anything moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.client.call import Call
from tidegate.delivery.planning.planned import Planned


def plan(
    service: str,
    version: str,
    *,
    spec: Mapping[str, Any] | None = None,
    assume: Mapping[str, Any] | None = None,
    power: float = 0.8,
    detect: str | None = None,
    confidence: float = 0.95,
    within_seconds: float | None = None,
) -> Call[Planned]:
    """Reckon what a release would take and could detect; changes nothing.

    Args:
        service: whose traffic would move.
        version: any reference to the candidate; ``vX.Y.Z`` is enough.
        spec: the rest of a ``kind: Release`` document; a canary with its defaults without it.
        assume: what overrules history or stands in for it, such as ``{"requests_per_hour": 3000}``.
        power: probability of finding what is called detectable.
        detect: a harm such as ``p95 +10%``, to get a schedule proposed.
        confidence: of that schedule.
        within_seconds: how long it may take.

    Raises:
        NotFoundError: no such service or version.
        InvalidInputError: the spec, an assumption or the target is wrong.
    """
    body: dict[str, Any] = {"service": service, "version": version, "power": power, "confidence": confidence}
    given = {"detect": detect, "within_seconds": within_seconds}
    body |= {name: value for name, value in given.items() if value is not None}
    if spec is not None:
        body["spec"] = dict(spec)
    if assume is not None:
        body["assume"] = dict(assume)
    return Call(method="POST", path="/plan", returns=Planned, body=body)
