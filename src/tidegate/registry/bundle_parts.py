"""The single files a bundle directory is put together from, and where each value of the whole came from."""

from __future__ import annotations

import json
from typing import Any

from tidegate.documents import Document, Path, parse_document
from tidegate.errors import InvalidInputError


class Assembly(Document):
    """A document whose parts stand in other files; errors point into the right one."""

    def __init__(self, head: Document) -> None:
        super().__init__(head.value, head.source, head.lines)
        self._parts: dict[Path, Document] = {}

    def where(self, path: Path = ()) -> str:
        """``file:line: path``, in the file that the value came from."""
        for end in range(len(path), 0, -1):
            part = self._parts.get(path[:end])
            if part is not None:
                return part.where(path[end:])
        return super().where(path)

    def put(self, field: tuple[str, ...], part: Document) -> None:
        """Set ``field`` to what another file says.

        Raises:
            InvalidInputError: the head says something of that field itself.
        """
        target = self.value
        for key in field[:-1]:
            target = target.setdefault(key, {}) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            return  # the head is malformed, which decoding complains of
        if field[-1] in target:
            raise InvalidInputError(
                f"{'.'.join(field)} is given here and in {part.source}",
                code="given_twice",
                where=super().where(field),
                remedy="keep one of them",
            )
        target[field[-1]] = part.value
        self._parts[field] = part

    def note(self, path: Path, part: Document) -> None:
        """Remember that the value at ``path`` came from ``part``."""
        self._parts[path] = part


def read_text(data: bytes, source: str) -> str:
    """The text of a part.

    Raises:
        InvalidInputError: it is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInputError("the text is not UTF-8", where=f"{source}:{line}", remedy="save it as UTF-8") from None


def read_prompt(data: bytes, source: str) -> str:
    """The text of a prompt's file.

    Raises:
        InvalidInputError: it is not UTF-8, or says nothing.
    """
    text = read_text(data, source)
    if not text.strip():
        raise InvalidInputError(
            "the prompt is empty", code="empty_prompt", where=source, remedy="fill or remove the file"
        )
    return text


def parse_part(data: bytes, source: str) -> Document:
    """One YAML or JSON document; JSON is read as JSON (YAML reads ``1e5`` as text), its lines by YAML."""
    text = read_text(data, source)
    try:
        if not source.endswith(".json"):
            return parse_document(text.removeprefix("\ufeff"), source)
        return _parse_json(text.removeprefix("\ufeff"), source)
    except RecursionError:
        raise InvalidInputError("the document is nested too deeply", where=source) from None


def _parse_json(text: str, source: str) -> Document:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidInputError(f"key {twice!r} is given twice", where=source)
        return made

    try:
        value = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"this is not JSON: {error.msg}", where=f"{source}:{error.lineno}") from None
    try:
        lines = parse_document(text, source).lines
    except InvalidInputError:
        lines = {}
    return Document(value, source, lines)
