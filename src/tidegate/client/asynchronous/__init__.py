"""The same client for asyncio; written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls`."""

from __future__ import annotations

from typing import Self

import httpx2

from tidegate.client.asynchronous.evaluations import EvaluationsOperations
from tidegate.client.asynchronous.experiments import ExperimentsOperations
from tidegate.client.asynchronous.feedback import FeedbackOperations
from tidegate.client.asynchronous.installation import InstallationOperations
from tidegate.client.asynchronous.planning import PlanningOperations
from tidegate.client.asynchronous.prompts import PromptsOperations
from tidegate.client.asynchronous.records import RecordsOperations
from tidegate.client.asynchronous.releases import ReleasesOperations
from tidegate.client.asynchronous.requests import RequestsOperations
from tidegate.client.asynchronous.services import ServicesOperations
from tidegate.client.asynchronous.traffic import TrafficOperations
from tidegate.client.asynchronous.versions import VersionsOperations
from tidegate.client.exchange import DEFAULT_URL, Server
from tidegate.client.transport import AsyncTransport

__all__ = ["AsyncClient"]


class AsyncClient(
    VersionsOperations,
    ServicesOperations,
    ReleasesOperations,
    ExperimentsOperations,
    PlanningOperations,
    TrafficOperations,
    RequestsOperations,
    FeedbackOperations,
    RecordsOperations,
    EvaluationsOperations,
    PromptsOperations,
    InstallationOperations,
):
    """The same client for asyncio; errors are those of :mod:`tidegate.errors`, as the server raised them.

    Args:
        url: of control.
        key: access key; without one only a control without keys, on this machine, answers.
        actor: ``user@host`` for the audit log of a control without keys.
        timeout: seconds for each exchange, beyond what the server takes on purpose.
        transport: replaces the network (tests).
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        actor: str | None = None,
        timeout: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        server = Server(url=url or DEFAULT_URL, key=key, actor=actor, timeout_seconds=timeout)
        self._transport = AsyncTransport(server, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()
