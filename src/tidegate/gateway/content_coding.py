"""Answers that come compressed although identity was asked for: gzip is undone, within a bound."""

from __future__ import annotations

import zlib
from collections.abc import Callable

_LARGEST_STEP = 8 << 20
_GZIP = 16 + zlib.MAX_WBITS


class UnreadableCodingError(Exception):
    """The body uses a coding we do not read, or is broken, or swells beyond all measure."""


def decoder_of(coding: bytes | None) -> Callable[[bytes], bytes] | None:
    """What undoes ``content-encoding``; ``None`` when there is nothing to undo.

    Raises:
        UnreadableCodingError: neither identity nor gzip.
    """
    if coding is None:
        return None
    name = coding.strip().lower()
    if name in {b"", b"identity"}:
        return None
    if name in {b"gzip", b"x-gzip"}:
        return _Gunzip().feed
    raise UnreadableCodingError(f"the answer is coded as {name.decode('ascii', 'replace')}, and identity was asked for")


class _Gunzip:
    """One gzip member, fed in pieces."""

    __slots__ = ("_inflate",)

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP)

    def feed(self, data: bytes) -> bytes:
        """The plain bytes that ``data`` completes.

        One piece of the network may become eight megabytes at most; more is a bomb, no answer.
        """
        try:
            plain = self._inflate.decompress(data, _LARGEST_STEP)
        except zlib.error as error:
            raise UnreadableCodingError(f"the answer's gzip is broken: {error}") from None
        if self._inflate.unconsumed_tail:
            raise UnreadableCodingError("the answer's gzip swells beyond eight megabytes in one piece")
        return plain
