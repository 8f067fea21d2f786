"""What `release` sends beside service and version: a strategy's name, or the rest of a release file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.cli.text_files import read_text
from tidegate.delivery.release_file import parse_release
from tidegate.documents import Document, parse_document
from tidegate.errors import InvalidInputError


def read_spec(service: str, version: str, *, strategy: str | None, file: Path | None) -> dict[str, Any] | None:
    """Read and check it here, so that mistakes are told with their line.

    Returns:
        ``None`` for a release with every default.

    Raises:
        InvalidInputError: both are given, or the file is wrong or speaks of another service.
        OperatorError: the file cannot be read.
    """
    if strategy is not None and file is not None:
        raise InvalidInputError("--strategy and --file contradict each other", remedy="name the strategy in the file")
    named = {"service": service, "version": version}
    if file is None:
        if strategy is not None:
            parse_release({**named, "strategy": strategy}, "--strategy")
            return {"strategy": strategy}
        return None
    document = parse_document(read_text(file), str(file))
    if not isinstance(document.value, dict):
        raise InvalidInputError("a release is a mapping of keys", where=document.where())
    other = document.value.get("service", service)
    if other != service:
        raise InvalidInputError(
            f"the file speaks of service {other!r}, not {service!r}", where=document.where(("service",))
        )
    parse_release(Document(document.value | named, document.source, document.lines))
    return {key: value for key, value in document.value.items() if key not in {"kind", "service", "version"}}
