"""Finding the files of a bundle directory: what belongs to it, what is junk, what is refused.

Nothing outside the directory is ever reached: symbolic links, devices, pipes and sockets are refused, and
so are names that cannot be told apart or shown on every machine.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from tidegate.errors import InvalidInputError
from tidegate.registry.content import read_small

IGNORE_FILE = ".tidegateignore"
JUNK = (
    *(".git", ".hg", ".svn", "__pycache__", ".DS_Store", "Thumbs.db", ".ipynb_checkpoints", ".venv"),
    *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".env", "*.pyc", "*~", "*.swp", IGNORE_FILE),
)
TOP_LEVEL = (
    "model",
    "weights",
    "tokenizer",
    "processing",
    "prompt",
    "few_shot",
    "config",
    "tests",
    "config.json",
    "card.md",
)
RESERVED = ("version.json",)  # an archive's own file
_NEAR = 0.85


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds that keep a mistake (a home directory, a disk image) from becoming a version."""

    files: int = 20_000
    file_bytes: int = 1 << 40
    total_bytes: int = 1 << 42
    document_bytes: int = 8 << 20  # of one YAML or JSON part, or of a text
    path_bytes: int = 512
    depth: int = 32


def find_files(root: Path, limits: Limits) -> dict[str, Path]:
    """Path within the bundle -> path on disk of every file that belongs to it, sorted.

    Raises:
        InvalidInputError: a refused entry or name, or too many of them.
    """
    patterns = _patterns(root, limits)
    found: dict[str, Path] = {}
    for name, path in _walk(root, "", patterns, limits):
        normal = check_path(name, limits, where=str(path))
        if normal in found:
            raise InvalidInputError(
                f"two files have names that read the same, {normal!r}", where=str(path), remedy="rename one of them"
            )
        found[normal] = path
        if len(found) > limits.files:
            raise InvalidInputError(
                f"more than {limits.files} files", where=str(root), remedy=f"list what does not belong in {IGNORE_FILE}"
            )
    return dict(sorted(found.items()))


def check_path(name: str, limits: Limits, *, where: str) -> str:
    """The path within a bundle in its one normal form (NFC, ``/``).

    Raises:
        InvalidInputError: absolute, leading upwards, not UTF-8, with control characters, too long, or reserved.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidInputError("the name is not UTF-8", where=ascii(where), remedy="rename the file") from None
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in name) or "\\" in name:
        raise InvalidInputError(
            "the name holds a control character or a backslash", where=ascii(where), remedy="rename the file"
        )
    parts = name.split("/")
    if name.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        raise InvalidInputError(
            f"{name!r} leads outside the bundle", code="path_traversal", where=where, remedy="write a path inside it"
        )
    if size > limits.path_bytes or len(parts) > limits.depth:
        raise InvalidInputError(
            f"the path is longer than {limits.path_bytes} bytes or {limits.depth} parts", where=where
        )
    if name in RESERVED:
        raise InvalidInputError(f"the name {name!r} is reserved", where=where, remedy="rename the file")
    return unicodedata.normalize("NFC", name)


def check_top_level(path: str, where: str) -> None:
    """Refuse what is most likely a misspelt part, since its content would silently have no effect.

    Raises:
        InvalidInputError: the first part of ``path`` nearly is one the registry knows.
    """
    top = path.partition("/")[0]
    if top in TOP_LEVEL:
        return
    close = get_close_matches(top, TOP_LEVEL, n=1, cutoff=_NEAR)
    if close:
        raise InvalidInputError(
            f"{top!r} is not a part of a bundle",
            code="unknown_part",
            where=where,
            remedy=f"did you mean {close[0]!r}? Otherwise list it in {IGNORE_FILE}",
        )


def _walk(folder: Path, prefix: str, patterns: tuple[str, ...], limits: Limits) -> Iterator[tuple[str, Path]]:
    if prefix.count("/") > limits.depth:
        raise InvalidInputError(f"folders are nested deeper than {limits.depth}", where=str(folder))
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        raise InvalidInputError(f"the folder cannot be read: {error.strerror}", where=str(folder)) from error
    for entry in entries:
        name = prefix + entry.name
        if _is_ignored(name, entry.name, patterns):
            continue
        if entry.is_symlink():
            raise InvalidInputError(
                "this is a symbolic link",
                code="symbolic_link",
                where=entry.path,
                remedy=f"replace it by the file it points to, or list it in {IGNORE_FILE}",
            )
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{name}/", patterns, limits)
        elif entry.is_file(follow_symlinks=False):
            yield name, Path(entry.path)
        else:
            raise InvalidInputError(
                "this is a device, pipe or socket", where=entry.path, remedy=f"remove it, or list it in {IGNORE_FILE}"
            )


def _patterns(root: Path, limits: Limits) -> tuple[str, ...]:
    path = root / IGNORE_FILE
    if not path.exists():
        return JUNK
    text = read_small(path, limits.document_bytes).decode(errors="replace")
    lines = (line.strip().rstrip("/") for line in text.splitlines())
    return (*JUNK, *(line for line in lines if line and not line.startswith("#")))


def _is_ignored(path: str, name: str, patterns: tuple[str, ...]) -> bool:
    """A pattern with a slash speaks of the path from the root, one without of any name."""
    return any(fnmatchcase(path if "/" in each else name, each.lstrip("/")) for each in patterns)
