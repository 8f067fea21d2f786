"""One exchange with the API as a value: what is sent, and what its answer is decoded into.

Calls know nothing of transports. A *flow* is a generator of calls: it yields each, is sent its decoded answer,
and returns a result; :mod:`tidegate.client.transport` runs both kinds, synchronously or not.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec

T = TypeVar("T")


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One request and the shape of its answer.

    Attributes:
        path: below ``/api/v1``, already quoted.
        query: what is ``None`` is left out; several values become several parameters.
        body: sent as JSON; ``None`` sends nothing.
        content: makes the raw body anew for each try; instead of ``body``.
        returns: what the JSON answer is decoded into; ``str`` takes the text as it is.
        is_keyed: give it an ``Idempotency-Key``, so that repeating it is safe.
        into: write the raw answer here instead of decoding it; the result is the number of bytes.
        longest_seconds: how long the server may take on purpose (a long poll), beyond the client's timeout.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    returns: type[T]
    query: Mapping[str, str | int | Sequence[str] | None] = {}
    body: Any = None
    content: Callable[[], Iterable[bytes]] | None = None
    headers: Mapping[str, str] = {}
    is_keyed: bool = False
    into: BinaryIO | None = None
    longest_seconds: float = 0.0

    @property
    def is_repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.method != "POST" or self.is_keyed


Flow = Generator[Call[Any], Any, T]


class Stream(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Server-sent events, each decoded into ``returns``; a broken connection is resumed after the last id."""

    path: str
    returns: type[T]
    after: str = ""


def in_path(text: str, *, keep: str = "") -> str:
    """``text`` as one part of a path (or, with ``keep="/"``, as several)."""
    return quote(text, safe=keep + "@:")
