"""Prompts for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tidegate.cli.output import Cell, table
from tidegate.cli.wording import UNKNOWN, moment
from tidegate.shapes.prompts import Prompt


def pushed_lines(found: Prompt) -> list[Text]:
    """What became of a push."""
    labels = f", labelled {', '.join(found.labels)}" if found.labels else ""
    word = "is new" if found.is_new else "has this content already"
    return [
        Text(f"{found.ref} {word}{labels}."),
        Text(f'A bundle takes it by prompt: {{use: "{found.ref}"}}.', style="dim"),
    ]


def prompts_table(found: Sequence[Prompt], now: datetime) -> list[Text]:
    """One line for each."""
    if not found:
        return [Text("No prompt yet: tidegate prompt push FILE")]
    rows: list[list[Cell]] = [
        [
            each.ref,
            ", ".join(each.labels) or UNKNOWN,
            each.digest[:8],
            each.created_by,
            moment(each.created_at, now),
            each.note,
        ]
        for each in found
    ]
    return table(["prompt", "labels", "digest", "by", "at", "note"], rows)


def prompt_lines(found: Prompt) -> list[Text]:
    """Its text and its examples."""
    content = found.content
    lines = [Text(found.ref, style="bold"), Text(f"sha256:{found.digest}", style="dim")]
    lines += [Text(line) for line in (content.get("system") or "").splitlines()]
    for message in content.get("few_shot") or ():
        lines.append(Text.assemble((f"{message['role']}: ", "bold"), str(message["content"])))
    for name, default in (content.get("variables") or {}).items():
        lines.append(Text(f"variable {name}: {'needed' if default is None else default}", style="dim"))
    return lines
