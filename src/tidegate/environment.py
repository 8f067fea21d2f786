"""What a process is told from outside beside its files: environment, ``.env``, and the secrets that references name.

The only module that reads ``os.environ``. A gateway needs no more of the configuration than this.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tidegate.errors import InvalidInputError, OperatorError


def environment(folder: Path = Path()) -> dict[str, str]:
    """The process's environment over the ``.env`` file of a folder (``NAME=value`` lines, ``#`` comments).

    Raises:
        InvalidInputError: a line of ``.env`` that is no assignment.
    """
    found: dict[str, str] = {}
    file = folder / ".env"
    lines = read_text(file).splitlines() if file.is_file() else []
    for number, line in enumerate(lines, start=1):
        content = line.strip().removeprefix("export ").strip()
        if not content or content.startswith("#"):
            continue
        name, equals, value = content.partition("=")
        if not equals or not name.strip().isidentifier():
            raise InvalidInputError("this is not NAME=value", where=f"{file}:{number}")
        found[name.strip()] = _unquoted(value.strip())
    return found | os.environ  # noqa: TID251 - the one place that reads the environment


def secret_of(reference: str, environ: Mapping[str, str]) -> str:
    """Resolve ``env:NAME`` or ``file:PATH``.

    Raises:
        OperatorError: the variable or file does not exist here.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        if name in environ:
            return environ[name]
        raise OperatorError(f"environment variable {name} is not set", remedy=f"export {name}, or write it into .env")
    if kind == "file":
        return read_text(Path(name)).strip()
    raise OperatorError(f"{kind}: is not a kind of secret that can be resolved here")


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        OperatorError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise OperatorError(f"{path} cannot be read: {reason}", code="unreadable_file") from None


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
