"""Blocking client of the admin API; written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls`."""

from __future__ import annotations

from typing import Self

import httpx2

from tidegate.client.blocking.evaluations import EvaluationsOperations
from tidegate.client.blocking.experiments import ExperimentsOperations
from tidegate.client.blocking.feedback import FeedbackOperations
from tidegate.client.blocking.installation import InstallationOperations
from tidegate.client.blocking.planning import PlanningOperations
from tidegate.client.blocking.prompts import PromptsOperations
from tidegate.client.blocking.records import RecordsOperations
from tidegate.client.blocking.releases import ReleasesOperations
from tidegate.client.blocking.requests import RequestsOperations
from tidegate.client.blocking.services import ServicesOperations
from tidegate.client.blocking.traffic import TrafficOperations
from tidegate.client.blocking.versions import VersionsOperations
from tidegate.client.exchange import DEFAULT_URL, Server
from tidegate.client.transport import SyncTransport

__all__ = ["Client"]


class Client(
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
    """Blocking client of the admin API; errors are those of :mod:`tidegate.errors`, as the server raised them.

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
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        server = Server(url=url or DEFAULT_URL, key=key, actor=actor, timeout_seconds=timeout)
        self._transport = SyncTransport(server, transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()
