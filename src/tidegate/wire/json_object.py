"""A JSON object seen from its top level: keys are decoded, values stay the sender's own bytes."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

import msgspec

from tidegate.wire.errors import MalformedBodyError

if TYPE_CHECKING:
    from tidegate.wire.splice import Piece

_DECODE = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_KEY = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_OPENING = re.compile(rb"[ \t\n\r]*\{")
_SEPARATOR = re.compile(rb"[ \t\n\r]*([,}])")
_UTF8_BLOCK = 1 << 18


class JsonObject(msgspec.Struct, eq=False):
    """A top-level view of a JSON object.

    Attributes:
        fields: key -> raw value, in the sender's order. The values are views: they keep the body alive, and
            a ``bytearray`` body cannot be resized while they do.
        size: bytes of the whole.
    """

    fields: dict[str, msgspec.Raw]
    size: int

    def finished(self, pieces: list[Piece]) -> list[Piece]:
        """A large body rendered from this one, as it is sent."""
        return pieces

    @classmethod
    def parse(cls, body: bytes | bytearray) -> JsonObject:
        """Decode one level of ``body``; deeper levels are checked for syntax, not built.

        Raises:
            MalformedBodyError: no JSON, not an object, not UTF-8, nested too deeply, or a key twice.
        """
        try:
            if not body.isascii():
                _check_utf8(body)
            fields = _DECODE(body)
        except RecursionError:
            raise MalformedBodyError("the body is nested too deeply") from None
        except UnicodeDecodeError:
            raise MalformedBodyError("the body is not valid UTF-8") from None
        except msgspec.ValidationError:
            raise MalformedBodyError("the body must be a JSON object") from None
        except msgspec.DecodeError as error:
            raise MalformedBodyError(f"the body is not valid JSON: {error}") from None
        size = len(body)
        if size != _compact_length(fields):
            _refuse_duplicates(body, fields)
        return cls(fields, size)


def _check_utf8(body: bytes | bytearray) -> None:
    """Decode block by block, so that a body of 100 MB never exists as text."""
    decoder = getincrementaldecoder("utf-8")()
    view = memoryview(body)
    for start in range(0, len(view), _UTF8_BLOCK):
        decoder.decode(view[start : start + _UTF8_BLOCK])
    decoder.decode(b"", final=True)


def _compact_length(fields: dict[str, msgspec.Raw]) -> int:
    """The least bytes these fields can take: a body of just that length has no room for another pair."""
    overhead = 4 * len(fields) + 1 if fields else 2
    return overhead + sum(map(len, fields)) + sum(map(len, fields.values()))


def _refuse_duplicates(body: bytes | bytearray, fields: dict[str, msgspec.Raw]) -> None:
    """Walk the top level key by key; each value is stepped over by one comparison of memory.

    The decoder keeps the last of equal keys, so an earlier occurrence either differs from the value kept
    or is met again later.
    """
    opening = _OPENING.match(body)
    position = opening.end() if opening else 0
    seen: set[str] = set()
    while token := _KEY.match(body, position):
        key = msgspec.json.decode(token[1], type=str)
        raw = fields[key]
        if key in seen or not body.startswith(raw, token.end()):
            raise _duplicate(key)
        seen.add(key)
        position = token.end() + len(raw)
        separator = _SEPARATOR.match(body, position)
        if separator is None:
            raise _duplicate(key)  # the value kept is the beginning of this one, as 1 is of 12
        if separator[1] == b"}":
            return
        position = separator.end()


def _duplicate(key: str) -> MalformedBodyError:
    return MalformedBodyError(f"the key {key!r} appears twice", where=key)
