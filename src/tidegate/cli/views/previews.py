"""A rendered request as people read it."""

from __future__ import annotations

import msgspec
from rich.text import Text

from tidegate.cli.output import Cell, fields
from tidegate.shapes.services import Preview


def preview_lines(preview: Preview) -> list[Text]:
    """Who would get it, and what."""
    told: list[tuple[str, Cell]] = [
        ("version", preview.version),
        ("provider", f"{preview.provider}, speaks {preview.dialect}"),
        ("address", preview.url or "none, the gateway answers this itself"),
    ]
    if preview.fallbacks:
        told.append(("rescue", ", then ".join(preview.fallbacks)))
    lines = fields(told, indent=0)
    if preview.body is not None:
        body = msgspec.json.format(msgspec.json.encode(preview.body), indent=2).decode()
        lines += [Text(""), *map(Text, body.splitlines())]
    return lines
