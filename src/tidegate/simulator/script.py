"""A response as a list of things to do on a connection: the five actions every fault is made of."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import NamedTuple

Fields = Iterable[tuple[str, str]]


class Write(NamedTuple):
    """Hand these bytes to the connection in one write."""

    data: bytes


class Wait(NamedTuple):
    """Do nothing for a while."""

    seconds: float


class Ending(enum.Enum):
    """A response that does not end as HTTP wants it."""

    HANG = "hang"
    """Nothing more, until the client leaves."""
    RESET = "reset"
    """TCP reset."""
    CLOSE = "close"
    """Close the connection."""


Action = Write | Wait | Ending
Script = Iterator[Action]

LAST_CHUNK = b"0\r\n\r\n"


def head(status: int, fields: Fields, length: int | None) -> bytes:
    """Status line and header fields.

    Args:
        status: HTTP status.
        fields: header fields, without those of the framing.
        length: of the body in bytes; None: chunked.
    """
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in fields), framing, "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def plain(status: int, body: bytes, fields: Fields = (), content_type: str = "application/json") -> Script:
    """A whole answer without any fault."""
    yield Write(head(status, [("content-type", content_type), *fields], len(body)) + body)
