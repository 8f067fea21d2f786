"""Reads feedback that another system wrote, as JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from tidegate.cli.text_files import read_text
from tidegate.cli.wording import parse_value
from tidegate.errors import InvalidInputError

MOST_AT_ONCE = 1_000


def read_verdicts(file: Path) -> list[dict[str, Any]]:
    """The verdicts of a file, as the API takes them.

    Raises:
        OperatorError: the file cannot be read.
        InvalidInputError: a line that is no verdict.
    """
    text = read_text(file)
    return _of_lines(text, str(file)) if text.lstrip().startswith("{") else _of_table(text, str(file))


def _of_lines(text: str, source: str) -> list[dict[str, Any]]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            verdict = json.loads(line)
        except ValueError:
            verdict = None
        if not isinstance(verdict, dict):
            raise InvalidInputError("this line is no JSON object", where=f"{source}:{number}")
        found.append(verdict)
    return found


def _of_table(text: str, source: str) -> list[dict[str, Any]]:
    """Empty cells are left out; values are read as on the command line."""
    table = csv.DictReader(io.StringIO(text))
    if not table.fieldnames or "name" not in table.fieldnames:
        raise InvalidInputError("the first line names no column 'name'", where=f"{source}:1", remedy="add a header")
    found = []
    for row in table:
        if None in row:
            raise InvalidInputError("this line has more cells than the header", where=f"{source}:{table.line_num}")
        verdict: dict[str, Any] = {name: cell for name, cell in row.items() if cell}
        if "value" in verdict:
            verdict["value"] = parse_value(verdict["value"])
        found.append(verdict)
    return found
