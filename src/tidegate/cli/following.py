"""Waits for a release and, for people, says on standard error what happens meanwhile."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Literal

from rich.console import Console
from rich.text import Text

from tidegate.cli.output import make_console
from tidegate.cli.session import Session
from tidegate.cli.views.releases import step_line
from tidegate.client import Waited
from tidegate.shapes.releases import Release

_GLANCE_SECONDS = 1.0


Goal = Literal["promoted", "finished"]


def follow(session: Session, release: str, timeout: float | None, for_: Goal = "promoted") -> Waited:
    """Wait until the release is promoted, ended, paused, or the time is over.

    Args:
        session: whose client asks; with ``--json`` nothing is said meanwhile.
        release: its id.
        timeout: seconds; ``None`` waits as long as it takes.
        for_: what is waited for.
    """
    if session.as_json:
        return session.client.wait(release, for_=for_, timeout=timeout)
    progress = _Progress(make_console(is_error=True))
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _GLANCE_SECONDS if deadline is None else min(_GLANCE_SECONDS, deadline - time.monotonic())
        waited = session.client.wait(release, for_=for_, timeout=max(0.0, left))
        progress.show(waited.release)
        if waited.outcome != "timed_out" or (deadline is not None and time.monotonic() >= deadline):
            return waited


class _Progress:
    """Says only what is new."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = ""

    def show(self, release: Release) -> None:
        line = step_line(release)
        if line != self._said:
            self._said = line
            self._console.print(Text.assemble((f"{datetime.now(UTC):%H:%M:%SZ}  ", "dim"), line))
