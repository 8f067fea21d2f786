"""What `release` and `plan` send beside the service: the version, and a strategy's name or the rest of a release file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.cli.text_files import read_text
from tidegate.delivery.release_file import parse_release
from tidegate.documents import Document, parse_document
from tidegate.errors import InvalidInputError


def read_spec(
    service: str, version: str | None, *, strategy: str | None, file: Path | None
) -> tuple[str, dict[str, Any] | None]:
    """Read and check it here, so that mistakes are told with their line.

    Args:
        version: overrules the file's; ``None`` for the file's own, which an experiment need not name beside its arms.

    Returns:
        The version, and ``None`` for a release with every default.

    Raises:
        InvalidInputError: both are given, nothing names a version, or the file is wrong or speaks of another service.
        OperatorError: the file cannot be read.
    """
    if strategy is not None and file is not None:
        raise InvalidInputError("--strategy and --file contradict each other", remedy="name the strategy in the file")
    if file is not None:
        return check_file(service, version, read_file(file))
    if version is None:
        raise InvalidInputError(
            "which version?", remedy=f"name it after {service}, such as v1.4.0, or a release file with -f"
        )
    if strategy is None:
        return version, None
    parse_release({"service": service, "version": version, "strategy": strategy}, "--strategy")
    return version, {"strategy": strategy}


def read_file(file: Path) -> Document:
    """A release file that is a mapping.

    Raises:
        InvalidInputError: it is not.
        OperatorError: it cannot be read.
    """
    document = parse_document(read_text(file), str(file))
    if not isinstance(document.value, dict):
        raise InvalidInputError("a release is a mapping of keys", where=document.where())
    return document


def check_file(service: str, version: str | None, document: Document) -> tuple[str, dict[str, Any]]:
    """The version and the rest of a release file; arguments and errors as of :func:`read_spec`."""
    other = document.value.get("service", service)
    if other != service:
        raise InvalidInputError(
            f"the file speaks of service {other!r}, not {service!r}", where=document.where(("service",))
        )
    named = {"service": service} if version is None else {"service": service, "version": version}
    read = parse_release(Document(document.value | named, document.source, document.lines))
    return read.version, {
        key: value for key, value in document.value.items() if key not in {"kind", "service", "version"}
    }
