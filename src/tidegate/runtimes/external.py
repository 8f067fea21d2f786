"""The port of runtimes, and the one for deployments that exist already.

A runtime makes versions callable, says whether they are, and removes what nobody needs. Every call may be
repeated: after a crash the controller asks again for what a release still needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from tidegate.delivery.bundle import Bundle
from tidegate.delivery.snapshot import Provider


class Readiness(msgspec.Struct, frozen=True):
    """Whether a version can serve.

    Attributes:
        is_ready: ``False`` means it never will or no longer does, ``None`` that nobody knows yet.
        detail: one sentence for ``False``.
    """

    is_ready: bool | None
    detail: str = ""


class Runtime(Protocol):
    """Starts, watches and stops deployments of versions."""

    async def deploy(self, reference: str, bundle: Bundle) -> None:
        """Make the version callable; returns when that was asked for, not when it is done."""

    def readiness(self, reference: str, bundle: Bundle) -> Readiness:
        """What is known now; answers at once."""

    async def tear_down(self, reference: str) -> None:
        """Nobody needs the version's deployment any longer."""


class ExternalRuntime:
    """Hosted models and servers that somebody else runs: nothing to start, nothing to stop.

    Args:
        providers: those configured now, by name.
    """

    def __init__(self, providers: Callable[[], Mapping[str, Provider]]) -> None:
        self._providers = providers

    async def deploy(self, reference: str, bundle: Bundle) -> None:
        """Nothing to do: the deployment exists."""

    def readiness(self, reference: str, bundle: Bundle) -> Readiness:  # noqa: ARG002 - the port's signature
        """Ready when the provider is configured; whether it answers is the probes' matter."""
        if bundle.provider in self._providers():
            return Readiness(is_ready=True)
        known = ", ".join(sorted(self._providers())) or "none"
        detail = f"provider {bundle.provider!r} of model {bundle.model!r} is not configured; known are {known}"
        return Readiness(is_ready=False, detail=detail)

    async def tear_down(self, reference: str) -> None:
        """Nothing to do: it is not ours."""
