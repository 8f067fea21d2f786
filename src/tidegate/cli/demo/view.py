"""The demo on a terminal: who serves, how it feels to users, where the release is, what has happened."""

from __future__ import annotations

from collections import deque
from time import monotonic

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tidegate.cli.demo.traffic import Traffic, median_first_token, shares
from tidegate.shapes.releases import Release, Status

_BAR = 36
_COLOURS = ("cyan", "magenta", "yellow", "green")
_MARKS = {"succeeded": "✔", "rolled_back": "↩", "rejected": "✘"}


class View:
    """Draws the state it is given; knows nothing of how it came about."""

    def __init__(self, gateway_url: str, control_url: str, traffic: Traffic) -> None:
        self._urls = gateway_url, control_url
        self._traffic = traffic
        self._begun = monotonic()
        self._story: deque[tuple[float, str]] = deque(maxlen=12)
        self._colours: dict[str, str] = {}
        self.status: Status | None = None

    def say(self, sentence: str) -> None:
        """Add a line to the story."""
        self._story.append((monotonic() - self._begun, sentence))

    def __rich__(self) -> RenderableType:
        return Group(self._addresses(), self._served(), self._release(), self._told())

    def _addresses(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        table.add_row(
            "[bold]Tidegate[/] demo",
            f"dashboard [bold]{self._urls[1]}[/]",
            f"gateway {self._urls[0]}",
            "Ctrl-C ends it",
        )
        return table

    def _served(self) -> RenderableType:
        window = self._traffic.window()
        table = Table.grid(padding=(0, 2))
        for version, share in shares(window):
            bar = Text("█" * max(1, round(share * _BAR)), style=self._colour(version))
            table.add_row(version, f"{share:>4.0%}", bar)
        first = median_first_token(window)
        lines = [
            f"{len(window) / 5:5.1f} answers/s",
            f"first token {first * 1000:4.0f} ms" if first is not None else "first token    -",
            f"failed for users {self._traffic.failed} of {self._traffic.sent}",
        ]
        return Panel(
            Group(table, Text("   ".join(lines), style="dim")), title="who answers, last 5 s", title_align="left"
        )

    def _release(self) -> RenderableType:
        release = self.status.release if self.status else None
        if self.status is None or release is None:
            return Panel("no release yet", title="release", title_align="left")
        body = Table.grid(padding=(0, 2))
        body.add_row("stable", self.status.stable or "none yet")
        body.add_row("candidate", f"{release.version}  {_where(release)}")
        for ref, weight in release.weights.items():
            body.add_row("weight", f"{ref} {weight / 100:.0f} %")
        for verdict in release.verdicts:
            body.add_row(verdict.metric, f"{verdict.verdict}: {verdict.sentence}")
        return Panel(body, title=f"release {release.id}", title_align="left")

    def _told(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for at, sentence in self._story:
            table.add_row(f"[dim]{at:6.1f} s[/]", sentence)
        return Panel(table, title="what happened", title_align="left")

    def _colour(self, version: str) -> str:
        return self._colours.setdefault(version, _COLOURS[len(self._colours) % len(_COLOURS)])


def _where(release: Release) -> str:
    mark = _MARKS.get(release.phase, "…")
    inner = f" · {release.sub_phase}" if release.sub_phase else ""
    return f"{mark} {release.phase}{inner}"
