"""Reads text that people named on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

from tidegate.errors import OperatorError


def read_text(path: Path) -> str:
    """The text of a file, of standard input for ``-``.

    Raises:
        OperatorError: it cannot be read, or is not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise OperatorError(f"{path} cannot be read: {reason}", code="unreadable_file") from None
