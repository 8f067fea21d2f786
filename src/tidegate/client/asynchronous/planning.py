"""Plans: what a release would take and could detect, before anything moves.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.planning`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.client.calls import planning
from tidegate.client.transport import AsyncTransport
from tidegate.delivery.planning.planned import Planned


class PlanningOperations:
    """The operations of :mod:`tidegate.client.calls.planning`; part of :class:`~tidegate.client.AsyncClient`."""

    _transport: AsyncTransport

    async def plan(
        self,
        service: str,
        version: str,
        *,
        spec: Mapping[str, Any] | None = None,
        assume: Mapping[str, Any] | None = None,
        power: float = 0.8,
        detect: str | None = None,
        confidence: float = 0.95,
        within_seconds: float | None = None,
    ) -> Planned:
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
        return await self._transport.run(
            planning.plan(
                service,
                version,
                spec=spec,
                assume=assume,
                power=power,
                detect=detect,
                confidence=confidence,
                within_seconds=within_seconds,
            )
        )
