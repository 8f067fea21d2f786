"""The demo on a terminal: who serves, how it feels to users, where the release is, what has happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from time import monotonic

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tidegate.cli.demo.traffic import Traffic, median_first_token, shares
from tidegate.shapes.releases import Release, Status

_BAR = 36
_BORDER = 2  # lines of a panel's frame
_RELEASE_ROWS = 3  # beside verdicts
_LEAST_STORY = 3
_COLOURS = ("cyan", "magenta", "yellow", "green")
_MARKS = {"succeeded": "✔", "rolled_back": "↩", "rejected": "✘"}


class View:
    """Draws the state it is given; knows nothing of how it came about."""

    def __init__(self, gateway_url: str, control_url: str, traffic: Traffic) -> None:
        self._urls = gateway_url, control_url
        self._traffic = traffic
        self._begun = monotonic()
        self._story: deque[tuple[float, str]] = deque(maxlen=60)
        self._colours: dict[str, str] = {}
        self.status: Status | None = None

    def say(self, sentence: str) -> None:
        """Add a line to the story."""
        self._story.append((monotonic() - self._begun, sentence))

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        """As many lines as the terminal has: verdicts and the story get what the rest leaves."""
        room = console.size.height - 1  # the cursor's own
        shown = shares(self._traffic.window())
        room -= 1 + max(1, len(shown)) + 1 + _BORDER
        verdicts = max(0, room - _BORDER - _RELEASE_ROWS - _BORDER - _LEAST_STORY)
        release, rows = self._release(verdicts)
        yield self._addresses()
        yield self._served(shown)
        yield release
        yield self._told(max(1, room - rows - 2 * _BORDER))

    def _addresses(self) -> RenderableType:
        words = f"[bold]Tidegate[/] demo  [bold]{self._urls[1]}[/]  gateway {self._urls[0]}  Ctrl-C ends it"
        line = Text.from_markup(words, overflow="ellipsis")
        line.no_wrap = True
        return line

    def _served(self, shown: Sequence[tuple[str, float]]) -> RenderableType:
        window = self._traffic.window()
        bars: list[list[str | Text]] = [
            [version, f"{share:>4.0%}", Text("█" * max(1, round(share * _BAR)), style=self._colour(version))]
            for version, share in shown
        ]
        first = median_first_token(window)
        lines = [
            f"{len(window) / 5:5.1f} answers/s",
            f"first token {first * 1000:4.0f} ms" if first is not None else "first token    -",
            f"failed for users {self._traffic.failed} of {self._traffic.sent}",
        ]
        said = Text("   ".join(lines), style="dim", no_wrap=True, overflow="ellipsis")
        return Panel(Group(_grid(bars), said), title="who answers, last 5 s", title_align="left")

    def _release(self, most: int) -> tuple[RenderableType, int]:
        """The panel and the rows in it; at most so many verdicts, those that do not pass first."""
        release = self.status.release if self.status else None
        if self.status is None or release is None:
            return Panel("no release yet", title="release", title_align="left"), 1
        weights = ", ".join(f"{ref.rpartition('/')[2]} {weight / 100:.0f} %" for ref, weight in release.weights.items())
        verdicts = sorted(release.verdicts, key=lambda each: each.verdict == "pass")[:most]
        rows = [
            ["stable", self.status.stable or "none yet"],
            ["candidate", f"{release.version}  {_where(release)}"],
            ["weights", weights or "-"],
            *([verdict.metric, f"{verdict.verdict}: {verdict.sentence}"] for verdict in verdicts),
        ]
        return Panel(_grid(rows), title=f"release {release.id}", title_align="left"), len(rows)

    def _told(self, most: int) -> RenderableType:
        rows = [[f"[dim]{at:6.1f} s[/]", sentence] for at, sentence in [*self._story][-most:]]
        return Panel(_grid(rows), title="what happened", title_align="left")

    def _colour(self, version: str) -> str:
        return self._colours.setdefault(version, _COLOURS[len(self._colours) % len(_COLOURS)])


def _grid(rows: Sequence[Sequence[str | Text]]) -> Table:
    """Rows of one line each; where the last column is too long it ends in an ellipsis."""
    table = Table.grid(padding=(0, 2))
    for column in zip(*rows, strict=True):
        widest = max(len(Text.from_markup(cell)) if isinstance(cell, str) else len(cell) for cell in column)
        is_last = len(table.columns) == len(rows[0]) - 1
        table.add_column(no_wrap=True, overflow="ellipsis", min_width=None if is_last else widest)
    for row in rows:
        table.add_row(*row)
    return table


def _where(release: Release) -> str:
    mark = _MARKS.get(release.phase, "…")
    inner = f" · {release.sub_phase}" if release.sub_phase else ""
    return f"{mark} {release.phase}{inner}"
