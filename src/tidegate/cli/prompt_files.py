"""A prompt as people write it: plain text, or YAML and JSON with the keys of a bundle's ``prompt``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.documents import parse_document
from tidegate.errors import InvalidInputError

_DOCUMENTS = {".yaml", ".yml", ".json"}


def read_prompt_file(file: Path) -> dict[str, Any]:
    """The content of a prompt.

    Raises:
        InvalidInputError: it cannot be read, or is no mapping.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"the file cannot be read: {error}", where=str(file)) from None
    if file.suffix not in _DOCUMENTS:
        return {"system": text.rstrip("\n")}
    value = parse_document(text, str(file)).value
    if not isinstance(value, dict):
        raise InvalidInputError("a prompt is a mapping", where=str(file), remedy="begin with system: …")
    return value
