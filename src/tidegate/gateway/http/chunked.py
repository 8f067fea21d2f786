"""The chunked coding of a request body, decoded strictly.

Sizes are one to sixteen hexadecimal digits, line ends are CR LF, extensions and trailers are checked,
bounded and forgotten. Nothing is repaired.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from tidegate.gateway.http.refusal import RefusalError, body_too_large, malformed

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})([ \t]*;[\t -~\x80-\xff]*)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n")
_MAX_SIZE_LINE = 1024
_MAX_EXTENSIONS = 16_384


class _Expect(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    NOTHING = auto()


class ChunkedBody:
    """Collects one chunked body.

    Attributes:
        body: the bytes decoded so far.
    """

    __slots__ = ("_body_limit", "_expect", "_extension_bytes", "_left", "_trailer_bytes", "_trailer_limit", "body")

    def __init__(self, body_limit: int, trailer_limit: int) -> None:
        self.body = bytearray()
        self._body_limit = body_limit
        self._trailer_limit = trailer_limit
        self._expect = _Expect.SIZE
        self._left = 0
        self._extension_bytes = 0
        self._trailer_bytes = 0

    @property
    def is_complete(self) -> bool:
        """Whether the last chunk and the trailers were read."""
        return self._expect is _Expect.NOTHING

    def feed(self, data: bytes | bytearray, at: int) -> int:
        """Read ``data`` from ``at``; returns how far it could be used.

        What is left belongs to an unfinished line (offer it again with more bytes), or to what follows the body.

        Raises:
            RefusalError: the coding is broken, or a limit is exceeded.
        """
        while self._expect is not _Expect.NOTHING:
            before = at
            if self._expect is _Expect.SIZE:
                at = self._read_size(data, at)
            elif self._expect is _Expect.DATA:
                at = self._read_data(data, at)
            elif self._expect is _Expect.DATA_END:
                at = self._read_data_end(data, at)
            else:
                at = self._read_trailer(data, at)
            if at == before:
                break
        return at

    def _read_size(self, data: bytes | bytearray, at: int) -> int:
        match = _SIZE_LINE.match(data, at)
        if match is None:
            if data.find(b"\n", at) >= 0 or len(data) - at > _MAX_SIZE_LINE:
                raise malformed("a chunk's size line is malformed or too long")
            return at
        end = match.end()
        if end - at > _MAX_SIZE_LINE:
            raise malformed("a chunk's extension is too long")
        if match[2] is not None:
            self._extension_bytes += len(match[2])
            if self._extension_bytes > _MAX_EXTENSIONS:
                raise malformed("the chunk extensions are too long")
        size = int(match[1], 16)
        if len(self.body) + size > self._body_limit:
            raise body_too_large(self._body_limit)
        if size and data[end + size : end + size + 2] == b"\r\n":  # the whole chunk is here
            self.body += data[end : end + size]
            return end + size + 2
        self._left = size
        self._expect = _Expect.DATA if size else _Expect.TRAILER
        return end

    def _read_data(self, data: bytes | bytearray, at: int) -> int:
        end = min(at + self._left, len(data))
        self.body += data[at:end] if at or end < len(data) else data
        self._left -= end - at
        if not self._left:
            self._expect = _Expect.DATA_END
        return end

    def _read_data_end(self, data: bytes | bytearray, at: int) -> int:
        end = bytes(data[at : at + 2])
        if end == b"\r\n":
            self._expect = _Expect.SIZE
            return at + 2
        if end not in {b"", b"\r"}:
            raise malformed("a chunk is longer than its size says")
        return at

    def _read_trailer(self, data: bytes | bytearray, at: int) -> int:
        end = data.find(b"\n", at) + 1
        if self._trailer_bytes + (end or len(data)) - at > self._trailer_limit:
            raise RefusalError(431, "headers_too_large", "The trailers after the body are too long.")
        if not end:
            return at
        self._trailer_bytes += end - at
        if data[at:end] == b"\r\n":
            self._expect = _Expect.NOTHING
        elif _TRAILER.fullmatch(data, at, end) is None:
            raise malformed("a trailer is malformed")
        return end
