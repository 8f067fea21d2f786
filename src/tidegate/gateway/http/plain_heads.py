"""The quick way through an ordinary head: one split and one look-up per line, llhttp for everything else.

Ordinary is a strict subset of what llhttp takes: CR LF line ends, ``name: value`` with a token, one space and
printable ASCII, no name twice. Clients and upstreams repeat most of their lines from head to head, so a line that
was found ordinary is remembered. Whatever is out of the ordinary, right or wrong, is judged by llhttp and our rules.
"""

from __future__ import annotations

import re

Headers = dict[bytes, bytes]

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([!-~](?:[ -~]*[!-~])?)")
_STATUS = re.compile(rb"HTTP/1\.1 ([2-9][0-9][0-9])(?: [ -~]*)?")
_DECIDING = frozenset((b"transfer-encoding", b"connection", b"proxy-connection", b"upgrade", b"trailer"))
_KEEP_ALIVE = frozenset({(b"connection", b"keep-alive")})
_BODILESS = frozenset((204, 304))
_LONGEST_REMEMBERED = 512
_MOST_REMEMBERED = 2048
_LONGEST_HEAD = 65_536


class _UnusualError(Exception):
    """A line is not ordinary; it may be fine all the same."""


class _Lines(dict[bytes, tuple[bytes, bytes]]):
    """Ordinary lines -> lower-case name and value."""

    def __missing__(self, line: bytes) -> tuple[bytes, bytes]:
        found = _LINE.fullmatch(line)
        if found is None:
            raise _UnusualError
        pair = found[1].lower(), found[2]
        if len(line) <= _LONGEST_REMEMBERED and pair[0] != b"content-length":
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[line] = pair
        return pair


_pair_of = _Lines().__getitem__


def split_head(head: bytes) -> tuple[bytes, Headers] | None:
    """First line and headers of a head that ends with its empty line; ``None`` when it is not ordinary.

    The first line is not looked at.
    """
    lines = head.split(b"\r\n")
    first = lines[0]
    lines = lines[1:-2]
    try:
        headers = dict(map(_pair_of, lines))
    except _UnusualError:
        return None
    return (first, headers) if len(headers) == len(lines) else None


def split_answer(data: bytes) -> tuple[int, Headers, bytes] | None:
    """Status, headers (without the length) and body when ``data`` is exactly one ordinary final answer with a length;
    else ``None``.
    """
    end = data.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    if end < 0:
        return None
    split = split_head(data[: end + 4])
    if split is None:
        return None
    line, headers = split
    status = 200 if line == b"HTTP/1.1 200 OK" else _status(line)
    length = headers.pop(b"content-length", b"")
    if not status or not length.isdigit() or len(length) > 18 or int(length) != len(data) - end - 4:
        return None
    if not _DECIDING.isdisjoint(headers) and not _KEEP_ALIVE.issuperset(
        (name, value) for name, value in headers.items() if name in _DECIDING
    ):
        return None
    return status, headers, data[end + 4 :]


def _status(line: bytes) -> int:
    """The status of an ordinary final answer that has a body, else 0."""
    found = _STATUS.fullmatch(line)
    status = int(found[1]) if found is not None else 0
    return 0 if status in _BODILESS else status
