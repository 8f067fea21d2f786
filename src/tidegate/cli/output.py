"""What commands write: one JSON document for programs, aligned text for people.

Colour appears only on a terminal and never with ``NO_COLOR`` (rich sees to both). Lines are never cut or
folded, so that what is piped holds whole references.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

Cell = str | Text
_GAP = "  "


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to :mod:`tidegate.cli.failures`."""
        raise BrokenPipeError


def make_console(*, is_error: bool = False, is_folding: bool = False) -> Console:
    """A console on standard output, or standard error, that prints text as it is given.

    Args:
        is_error: on standard error.
        is_folding: fold long lines itself, as a live view needs that knows its height.
    """
    stream = sys.stderr if is_error else sys.stdout
    return _Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=not is_folding)


def print_json(value: Any, *, is_line: bool = False) -> None:
    """Write ``value`` as one JSON document: indented, or on one line within a sequence of them."""
    encoded = msgspec.json.encode(value)
    text = encoded if is_line else msgspec.json.format(encoded, indent=2)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def print_lines(lines: Iterable[Cell]) -> None:
    """Write lines of text to standard output."""
    console = make_console()
    for line in lines:
        console.print(line)


def table(titles: Sequence[str], rows: Sequence[Sequence[Cell]], *, numbers: Collection[int] = ()) -> list[Text]:
    """Aligned columns under their titles.

    Args:
        titles: of the columns.
        rows: as many cells as there are titles.
        numbers: columns that are aligned to the right.
    """
    shown = [[_text(title.upper(), "dim") for title in titles], *([_text(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(row[index].plain) for row in shown) for index in range(len(titles))]
    return [_row(row, widths, numbers) for row in shown]


def fields(pairs: Iterable[tuple[str, Cell]], *, indent: int = 2) -> list[Text]:
    """One line for each name and value, values aligned; an empty name continues the one above."""
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0)
    return [Text.assemble(" " * indent, (name.ljust(width), "dim"), _GAP, value) for name, value in listed]


def warning_lines(warnings: Iterable[str]) -> list[Text]:
    """What else whoever reads should know, one line each."""
    return [Text(f"warning: {warning}", style="yellow") for warning in warnings]


def _row(cells: Sequence[Text], widths: Sequence[int], numbers: Collection[int]) -> Text:
    line = Text()
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        room = " " * (width - cell_len(cell.plain))
        is_last = index == len(cells) - 1
        line.append_text(Text(room) + cell if index in numbers else cell + Text("" if is_last else room))
        line.append("" if is_last else _GAP)
    line.rstrip()
    return line


def _text(cell: Cell, style: str = "") -> Text:
    return cell if isinstance(cell, Text) else Text(cell, style=style)
