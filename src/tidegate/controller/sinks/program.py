"""The sink ``command``: a program that gets each event as JSON on its standard input."""

from __future__ import annotations

import msgspec

from tidegate.controller.programs import ProgramSettings, run_program
from tidegate.controller.sinks.telling import event_of
from tidegate.errors import UpstreamError
from tidegate.registry.outbox import OutboxRow

_SECONDS = 8.0  # less than the notifier's own limit, so that the program is ended properly


class ProgramSink:
    """Runs the program once for each event; exit code 0 means it was told."""

    def __init__(self, name: str, command: str, settings: ProgramSettings) -> None:
        self.name = name
        self._command = command
        self._settings = settings

    async def deliver(self, row: OutboxRow) -> None:
        """Run it.

        Raises:
            UpstreamError: it failed, or took too long.
        """
        fields = {"event": event_of(row), **{k: str(v) for k, v in row.payload.items()}}
        finished = await run_program(
            self._command,
            _Lenient(fields),
            self._settings,
            timeout_seconds=_SECONDS,
            variables={"TIDEGATE_EVENT": event_of(row), "TIDEGATE_EVENT_KEY": row.dedupe_key},
            given=msgspec.json.encode({"id": row.dedupe_key, "event": event_of(row), **row.payload}),
        )
        if finished.code != 0:
            how = f"took longer than {_SECONDS:g} s" if finished.code is None else f"exited with {finished.code}"
            raise UpstreamError(f"the program {how}: {finished.complaints.strip()[-200:]}")


class _Lenient(dict[str, str]):
    """A name that this event has no value for is filled in with nothing."""

    def __missing__(self, _key: str) -> str:
        return ""
