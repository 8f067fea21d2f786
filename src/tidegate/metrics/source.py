"""The port of metric sources: asked for one number, they give it or say why there is none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import httpx2

from tidegate.delivery.drift import Behaviour
from tidegate.metrics.settings import MetricsSettings


class Subject(NamedTuple):
    """Whose number is asked for.

    Attributes:
        version: full reference.
        variant: ``candidate``, ``stable`` or an arm's name.
        window_seconds: since the step's window opened, at least 60.
    """

    service: str
    version: str
    variant: str
    window_seconds: int


class NoValueError(Exception):
    """There is no number, for a reason that is one sentence without a full stop."""


class Source(Protocol):
    """One source with its settings.

    Attributes:
        timeout: seconds after which whoever asks gives up.
        tells_variants: its number differs between variants; otherwise it is asked once for all of them.
    """

    timeout: float
    tells_variants: bool

    async def read(self, subject: Subject) -> float:
        """The number now: finite, in the unit of the limit it is held against.

        Raises:
            NoValueError: there is none.
        """


async def _unknown(_service: str, _version: str) -> Behaviour | None:
    return None


class Tools(NamedTuple):
    """What every kind of source may use.

    Attributes:
        client: follows no redirects, so that a secret goes nowhere but where it belongs.
        behaviour: how a version of a service behaved on its first day and lately; ``None`` without any request.
    """

    client: httpx2.AsyncClient
    settings: MetricsSettings
    behaviour: Callable[[str, str], Awaitable[Behaviour | None]] = _unknown
