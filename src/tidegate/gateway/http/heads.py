"""Heads of answers and requests: always built here, never passed through."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus

from tidegate.gateway.http.timers import Wheel

Block = bytes
"""Lines of headers that :func:`header_block` made and checked."""
Headers = Sequence[tuple[bytes, bytes]]

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}
# They describe the connection or the framing; both are ours, whoever else speaks of them is ignored.
FRAMING_HEADERS = frozenset(
    (b"connection", b"content-length", b"transfer-encoding", b"keep-alive", b"upgrade", b"date", b"trailer")
)


class HeaderLines(dict[tuple[bytes, bytes], bytes]):
    """Header -> its line with line end. Most headers are the same from answer to answer, so a checked line is
    remembered; headers ``ignored`` are the duty of who builds the head and have an empty line.
    """

    def __init__(self, ignored: frozenset[bytes]) -> None:
        self._ignored = ignored

    def __missing__(self, header: tuple[bytes, bytes]) -> bytes:
        name, value = header
        if name in self._ignored:
            return b""
        line = b"%b: %b\r\n" % (name, value)
        if line.count(b"\n") != 1 or line.count(b"\r") != 1 or b"\0" in line:
            msg = "a header contains CR, LF or NUL"
            raise ValueError(msg)
        if len(line) <= _LONGEST_REMEMBERED and not name.endswith(b"request-id"):  # those never come again
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[header] = line
        return line


_LONGEST_REMEMBERED = 256
_MOST_REMEMBERED = 1024
_ANSWER_LINES = HeaderLines(FRAMING_HEADERS)


def header_block(headers: Headers, lines: HeaderLines = _ANSWER_LINES) -> Block:
    """The header lines, without those that ``lines`` ignores.

    Raises:
        ValueError: a name or value contains CR, LF or NUL, which would inject another header.
    """
    return b"".join(map(lines.__getitem__, headers))


def status_line(status: int) -> bytes:
    """``HTTP/1.1 200 OK`` with its line end."""
    line = _STATUS_LINES.get(status)
    if line is None:
        if not 200 <= status <= 999:
            msg = f"{status} is not the status of an answer"
            raise ValueError(msg)
        line = b"HTTP/1.1 %d Unknown\r\n" % status
    return line


class Beginnings(dict[int, bytes]):
    """Status -> how its answers begin: the status line, and the ``date`` header, which is formatted once a second."""

    def __init__(self, wheel: Wheel) -> None:
        self._forgetting = wheel.deadline(self.clear)

    def __missing__(self, status: int) -> bytes:
        if not self:
            self._forgetting.set(1.0)
        date = formatdate(usegmt=True).encode()
        self[status] = beginning = b"%bdate: %b\r\n" % (status_line(status), date)
        return beginning
