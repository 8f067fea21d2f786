"""Traffic over time, how evidence grew, and where a release is in its program.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.traffic`.
"""

from __future__ import annotations

from tidegate.client.calls import traffic
from tidegate.client.transport import AsyncTransport
from tidegate.shapes.reports import ServiceDrift, ServiceReport
from tidegate.shapes.traffic import CurrentTraffics, EvidenceHistory, ReleaseProgram, Traffic


class TrafficOperations:
    """The operations of :mod:`tidegate.client.calls.traffic`; part of :class:`~tidegate.client.AsyncClient`."""

    _transport: AsyncTransport

    async def traffic(self, service: str, *, last_seconds: int = 3600, release: str | None = None) -> Traffic:
        """What users of a service got over time, by version.

        Args:
            service: its name.
            last_seconds: how far back; the longer, the coarser the steps.
            release: only requests of this release.

        Raises:
            NotFoundError: no such service.
        """
        return await self._transport.run(traffic.traffic(service, last_seconds=last_seconds, release=release))

    async def service_report(self, service: str, *, last_seconds: int = 604800) -> ServiceReport:
        """What became of a service: versions, releases, incidents, quality, cost, tokens.

        Args:
            service: its name.
            last_seconds: how far back.

        Raises:
            NotFoundError: no such service.
        """
        return await self._transport.run(traffic.service_report(service, last_seconds=last_seconds))

    async def service_report_page(
        self, service: str, *, last_seconds: int = 604800, written_as: str = "markdown"
    ) -> str:
        """The same as a page, ``markdown`` or ``html``.

        Raises:
            NotFoundError: no such service.
        """
        return await self._transport.run(
            traffic.service_report_page(service, last_seconds=last_seconds, written_as=written_as)
        )

    async def drift(self, service: str, *, version: str | None = None) -> ServiceDrift:
        """Whether versions of a service behave as on their own first day.

        Args:
            service: its name.
            version: only this one, by its full reference; otherwise all with requests in the last day.

        Raises:
            NotFoundError: no such service.
        """
        return await self._transport.run(traffic.drift(service, version=version))

    async def current_traffic(
        self, *, services: tuple[str, ...] = (), limit: int = 100, cursor: str | None = None
    ) -> CurrentTraffics:
        """What users of each service get now, by name, or of these services in this order."""
        return await self._transport.run(traffic.current_traffic(services=services, limit=limit, cursor=cursor))

    async def evidence(self, release: str, *, attempt: int | None = None) -> EvidenceHistory:
        """How the evidence of a release grew, of its latest attempt or another one.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(traffic.evidence(release, attempt=attempt))

    async def program(self, release: str) -> ReleaseProgram:
        """Where a release is in its program.

        Raises:
            NotFoundError: no such release.
        """
        return await self._transport.run(traffic.program(release))
