"""What `plan` sends: a release file and what is assumed, from the same file or one beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.cli.release_spec import check_file, read_file, read_spec
from tidegate.cli.text_files import read_text
from tidegate.documents import Document, parse_document
from tidegate.errors import InvalidInputError


def read_plan(
    service: str, version: str | None, *, strategy: str | None, file: Path | None, assume: Path | None
) -> tuple[str, dict[str, Any] | None, dict[str, Any]]:
    """(the version, the rest of a release file or ``None``, what is assumed).

    ``assume:`` may stand in the release file, which `release` would refuse; a file of its own overrules it.

    Raises:
        InvalidInputError: contradicting options, no version, or a file that is wrong or speaks of another service.
        OperatorError: a file cannot be read.
    """
    assumed: dict[str, Any] = {}
    if file is None or strategy is not None:
        candidate, spec = read_spec(service, version, strategy=strategy, file=file)
    else:
        document = read_file(file)
        assumed = _mapping(document.value.get("assume", {}), document.where(("assume",)))
        rest = {key: value for key, value in document.value.items() if key != "assume"}
        candidate, spec = check_file(service, version, Document(rest, document.source, document.lines))
    if assume is not None:
        document = parse_document(read_text(assume), str(assume))
        value = document.value
        if isinstance(value, dict) and set(value) == {"assume"}:
            value = value["assume"]
        assumed |= _mapping(value, document.where())
    return candidate, spec, assumed


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInputError("what is assumed is a mapping such as requests_per_hour: 3000", where=where)
    return dict(value)
