"""Heads of answers and requests: always built here, never passed through."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus

from tidegate.gateway.http.timers import Wheel

Headers = Sequence[tuple[bytes, bytes]]

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}
# They describe the connection or the framing; both are ours, whoever else speaks of them is ignored.
FRAMING_HEADERS = frozenset(
    (b"connection", b"content-length", b"transfer-encoding", b"keep-alive", b"upgrade", b"date", b"trailer")
)


def header_block(headers: Headers, ignored: frozenset[bytes] = FRAMING_HEADERS) -> bytes:
    """The header lines, without the ``ignored`` ones, which are the duty of who builds the head.

    Raises:
        ValueError: a name or value contains CR, LF or NUL, which would inject another header.
    """
    lines = [b": ".join(pair) for pair in headers if pair[0] not in ignored]
    count = len(lines)
    lines.append(b"")
    block = b"\r\n".join(lines)
    if block.count(b"\n") != count or block.count(b"\r") != count or b"\0" in block:
        msg = "a header contains CR, LF or NUL"
        raise ValueError(msg)
    return block


def status_line(status: int) -> bytes:
    """``HTTP/1.1 200 OK`` with its line end."""
    line = _STATUS_LINES.get(status)
    if line is None:
        if not 200 <= status <= 999:
            msg = f"{status} is not the status of an answer"
            raise ValueError(msg)
        line = b"HTTP/1.1 %d Unknown\r\n" % status
    return line


class DateLine:
    """The ``date`` header line, formatted once a second."""

    __slots__ = ("_line", "_until", "_wheel")

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._until = -1.0
        self._line = b""

    def get(self) -> bytes:
        """``date: …`` with its line end."""
        now = self._wheel.read()
        if now >= self._until:
            self._until = now + 1.0
            self._line = b"date: %b\r\n" % formatdate(usegmt=True).encode()
        return self._line
