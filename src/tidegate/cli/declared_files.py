"""Reads the files of ``apply``: fills in what stands in the environment, checks every document here, keeps secrets here.

Mistakes are told with file and line before anything is sent. Of an access key only its hash leaves this
machine; a provider's key leaves as a reference that each gateway resolves for itself, unless it stands in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tidegate.cli.text_files import read_text
from tidegate.config import DEFAULT_FILE, Settings, fill_in, load_settings
from tidegate.controller.declared import read_declared as check_declared
from tidegate.documents import Document, parse_documents
from tidegate.environment import environment
from tidegate.errors import OperatorError
from tidegate.registry.keys import key_digest

_PARTS = {"Service": "services", "Provider": "providers"}
# Each process reads them from its own file, secrets among them.
_OF_PROCESSES = (
    *("listen", "storage", "join_token", "workers"),
    *("metrics", "notify", "programs", "alerts", "telemetry"),
)
_SUFFIXES = (".yaml", ".yml", ".json")


def read_declared(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Every document of some files (or of the YAML and JSON files in a folder), ready to be sent.

    Raises:
        InvalidInputError: what is wrong, with file and line.
        OperatorError: a file cannot be read.
    """
    documents = [document for file in files for path in _files_of(file) for document in _read(path)]
    check_declared(documents)
    return [_sent(document.value) for document in documents]


def load_checked(config: Path | None) -> Settings:
    """The settings of a process that will apply its file, checked to the last inline bundle.

    Raises:
        InvalidInputError: what is wrong, with file and line.
        OperatorError: the file cannot be read, or would open an unprotected door.
    """
    settings = load_settings(config)
    path = config or Path(DEFAULT_FILE)
    if path.exists():
        check_declared(_read(path))
    return settings


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
    if not found:
        raise OperatorError(f"{path} holds no {', '.join(_SUFFIXES)} file", code="unreadable_file")
    return found


def _read(path: Path) -> list[Document]:
    folder = path.parent.absolute()
    environ = environment(folder)
    return [_filled(document, environ, folder) for document in parse_documents(read_text(path), str(path))]


def _filled(document: Document, environ: Mapping[str, str], folder: Path) -> Document:
    """Bundles and releases say the same on every machine: in them nothing is filled in."""
    value = document.value
    if not isinstance(value, dict):
        return document
    kind = value.get("kind")
    if kind is None:
        return fill_in(document, environ, folder)
    part = _PARTS.get(kind) if isinstance(kind, str) else None
    return document if part is None else fill_in(document, environ, folder, at=(part, str(value.get("name", ""))))


def _sent(value: dict[str, Any]) -> dict[str, Any]:
    if "kind" in value:
        return value
    kept = {name: part for name, part in value.items() if name not in _OF_PROCESSES}
    if "keys" in kept:
        kept["keys"] = [_without_secret(key) for key in kept["keys"]]
    return kept


def _without_secret(key: dict[str, Any]) -> dict[str, Any]:
    if key.get("key") is None:
        return key
    hashed = {"sha256": key_digest(key["key"])}
    return {name: value for name, value in key.items() if name != "key"} | hashed
