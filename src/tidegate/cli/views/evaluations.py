"""What suites and gates said of versions, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, table
from tidegate.cli.wording import UNKNOWN, moment
from tidegate.shapes.evaluations import Evaluation

_STYLES = {"pass": ("✔", "green"), "fail": ("✖", "red"), "no_data": ("○", "yellow")}


def evaluation_lines(found: Evaluation) -> list[Text]:
    """One of them, with the end of what it said."""
    head = Text.assemble(_verdict(found), f"  {found.name} of {found.version}: ", found.sentence or "it is under way")
    excerpt = [Text(f"  {line}", style="dim") for line in found.excerpt.splitlines()[-20:]]
    return [head, *excerpt, Text(f"  {found.id}", style="dim")]


def evaluations_table(found: Sequence[Evaluation], now: datetime) -> list[Text]:
    """One line for each, newest first."""
    if not found:
        return [Text("Nothing was evaluated yet.")]
    rows: list[list[Cell]] = [
        [
            moment(each.started_at, now),
            each.version,
            each.name,
            _verdict(each),
            UNKNOWN if each.score is None else f"{each.score:g}",
            UNKNOWN if each.samples is None else str(each.samples),
            each.release or each.actor,
            each.sentence,
        ]
        for each in found
    ]
    return table(["at", "version", "suite", "verdict", "score", "cases", "for", "why"], rows, numbers={4, 5})


def _verdict(found: Evaluation) -> Text:
    shape, style = _STYLES.get(found.verdict or "", ("…", "dim"))
    return Text(f"{shape} {(found.verdict or 'under way').replace('_', ' ')}", style=style)
