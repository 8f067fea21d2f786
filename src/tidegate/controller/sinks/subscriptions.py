"""Which sinks there are, and which of them hear of what."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2
import msgspec

from tidegate.controller.clock import Clock
from tidegate.controller.programs import ProgramSettings, programs_disabled
from tidegate.controller.sinks.log import LogSink
from tidegate.controller.sinks.program import ProgramSink
from tidegate.controller.sinks.telling import Sink
from tidegate.controller.sinks.webhook import PAGERDUTY_URL, PagerDutySink, SlackSink, WebhookSink
from tidegate.delivery.notifying import NotifySpec, SinkSettings
from tidegate.errors import InvalidInputError
from tidegate.registry.releases import ReleaseRow

_OWN = "/"  # parts a release from the number of one of its own sinks; no name in a configuration has it


class Subscriptions:
    """The log hears everything; the others hear what they asked for.

    Args:
        configured: of the configuration.
        programs: whether sinks of releases may be programs; those of the configuration always may.
    """

    def __init__(
        self, configured: Sequence[SinkSettings], programs: ProgramSettings, client: httpx2.AsyncClient, clock: Clock
    ) -> None:
        self._configured = {settings.name: settings for settings in configured}
        self._programs = programs
        self._client = client
        self._clock = clock

    @property
    def everything(self) -> tuple[str, ...]:
        """Sinks that hear of each transition."""
        return (LogSink.name,)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all sinks that are always there."""
        return (*self.everything, *self._configured)

    def of_event(self, row: ReleaseRow, event: str) -> tuple[str, ...]:
        """Names of all who hear of ``event`` of a release."""
        found = [
            settings.name
            for settings in self._configured.values()
            if settings.wants(event) and (not settings.services or row.service in settings.services)
        ]
        for number, spec in enumerate(row.spec.notify):
            if spec.wants(event):
                found.append(spec.sink or f"{row.id}{_OWN}{number}")
        return (*self.everything, *dict.fromkeys(found))

    def check(self, wanted: Sequence[NotifySpec]) -> None:
        """Whether a release may name these.

        Raises:
            InvalidInputError: an unknown sink, or a program where none may be named.
        """
        for spec in wanted:
            if spec.sink is not None and spec.sink not in self._configured:
                known = ", ".join(self._configured) or "none"
                raise InvalidInputError(
                    f"there is no sink {spec.sink!r}",
                    code="unknown_sink",
                    where="notify",
                    remedy=f"declare it under notify in the configuration; it has {known}",
                )
            if spec.command is not None and not self._programs.is_enabled:
                raise programs_disabled()

    def sink(self, name: str) -> Sink | None:
        """A sink that is always there."""
        if name == LogSink.name:
            return LogSink()
        settings = self._configured.get(name)
        if settings is None:
            return None
        allowed = msgspec.structs.replace(self._programs, is_enabled=True)
        return self._made(name, settings, settings.secret, settings.url, allowed)

    def own_sink(self, name: str, row: ReleaseRow) -> Sink | None:
        """One of a release's own sinks."""
        number = name.rpartition(_OWN)[2]
        if not number.isdecimal() or int(number) >= len(row.spec.notify):
            return None
        return self._made(name, row.spec.notify[int(number)], None, None, self._programs)

    def release_of(self, name: str) -> str | None:
        """Whose own sink it is, ``None`` for those of the configuration."""
        release, parted, _ = name.rpartition(_OWN)
        return release if parted else None

    def _made(
        self, name: str, spec: NotifySpec, secret: str | None, url: str | None, programs: ProgramSettings
    ) -> Sink:
        match spec.kind:
            case "webhook":
                return WebhookSink(name, spec.target, secret, self._client, self._clock)
            case "slack":
                return SlackSink(name, spec.target, self._client)
            case "pagerduty":
                return PagerDutySink(name, spec.target, self._client, url or PAGERDUTY_URL)
            case _:
                return ProgramSink(name, spec.target, programs)
