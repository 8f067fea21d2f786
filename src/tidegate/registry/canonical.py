"""One byte form for equal content: JSON by RFC 8785, text with LF line ends."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import rfc8785

from tidegate.delivery.quantities import encode_quantity
from tidegate.documents import Path
from tidegate.errors import InternalError

MAX_EXACT_INTEGER = 2**53 - 1  # beyond it JSON readers disagree
_MAX_DEPTH = 64


class NotJsonError(ValueError):
    """A value that canonical JSON cannot carry.

    Attributes:
        path: keys and indices that lead to it.
    """

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


def canonical_json(value: Any) -> bytes:
    """RFC 8785: sorted keys, shortest numbers (``1.0`` is ``1``), UTF-8, no white space.

    Structs are written by their fields, without defaults where the struct omits them.

    Raises:
        InternalError: not JSON (check foreign values with :func:`check_json` first).
    """
    try:
        return rfc8785.dumps(msgspec.to_builtins(value, enc_hook=encode_quantity))
    except (rfc8785.CanonicalizationError, TypeError, NotImplementedError) as error:
        raise InternalError(f"not JSON: {error}") from error


def canonical_value(value: Any) -> Any:
    """``value`` as every reader of its canonical form gets it (``1.0`` becomes ``1``)."""
    return msgspec.json.decode(canonical_json(value))


def normal_text(text: str) -> str:
    """``text`` with LF line ends, without byte order mark and without line ends after the last line."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def check_json(value: Any, path: Path = ()) -> None:
    """Make sure that canonical JSON can carry ``value``.

    Raises:
        NotJsonError: it cannot; the error leads to the culprit.
    """
    if len(path) > _MAX_DEPTH:
        raise NotJsonError(f"is nested deeper than {_MAX_DEPTH} levels", path)
    match value:
        case None | bool():
            pass
        case str():
            _check_text(value, path)
        case int() | float():
            _check_number(value, path)
        case list() | tuple():
            for index, item in enumerate(value):
                check_json(item, (*path, index))
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise NotJsonError(f"key {key!r} must be text; quote it", path)
                _check_text(key, path)
                check_json(item, (*path, key))
        case _:
            raise NotJsonError(f"{value} must be text, a number, true, false or null; quote it", path)


def _check_number(value: float, path: Path) -> None:
    if not math.isfinite(value):
        raise NotJsonError(f"{value} is not a number JSON knows", path)
    if abs(value) > MAX_EXACT_INTEGER:  # a float as large would come back as an integer
        raise NotJsonError(f"{value} is beyond the numbers JSON carries exactly (2**53 - 1)", path)


def _check_text(text: str, path: Path) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotJsonError("holds half of a surrogate pair, which is not Unicode text", path) from None
