"""Random changes to valid bytes, as a hypothesis strategy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import strategies as st

Mutation = tuple[str, float, float, bytes]

NASTY = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b"\xff",
    b"\xef\xbb\xbf",
    b"content-length: 3\r\n",
    b"Content-Length: 0\r\n",
    b"transfer-encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"host: y\r\n",
    b"connection: keep-alive\r\n",
    b"expect: 100-continue\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"GET /healthz HTTP/1.1\r\n",
    b'"',
    b"{",
    b"}",
    b"\\u0000",
    b"data: [DONE]\n\n",
    b"data: {}\n\n",
    b": \n\n",
    b"event: error\n",
)


def mutations(*, most: int = 4) -> st.SearchStrategy[list[Mutation]]:
    """Up to ``most`` changes: kind, place, extent (both as shares of the length), and what is put in."""
    share = st.integers(0, 65_535).map(_scattered)  # drawn numbers are mostly small, places shall not be
    inserted = st.one_of(st.sampled_from(NASTY), st.binary(min_size=1, max_size=6))
    kinds = st.sampled_from(("insert", "replace", "delete", "repeat", "cut"))
    return st.lists(st.tuples(kinds, share, share, inserted), min_size=1, max_size=most)


def _scattered(number: int) -> float:
    return number * 40_503 % 65_536 / 65_536


def mutated(data: bytes, changes: Sequence[Mutation]) -> bytes:
    """``data`` after these changes."""
    for kind, place, extent, inserted in changes:
        at = int(place * (len(data) + 1))
        end = min(len(data), at + 1 + int(extent * extent * 40))
        if kind == "insert":
            data = data[:at] + inserted + data[at:]
        elif kind == "replace":
            data = data[:at] + inserted + data[end:]
        elif kind == "delete":
            data = data[:at] + data[end:]
        elif kind == "repeat":
            data = data[:end] + data[at:]
        elif at > len(data) // 2:
            data = data[:at]
    return data


def pieces(data: bytes, shares: Sequence[float]) -> list[bytes]:
    """``data`` cut at these shares of its length."""
    places = sorted({0, len(data), *(int(share * len(data)) for share in shares)})
    return [data[start:end] for start, end in itertools.pairwise(places)]
