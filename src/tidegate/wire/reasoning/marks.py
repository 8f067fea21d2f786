"""The mark of a maker of reasoning: a few bytes before an opaque value (a signature, encrypted reasoning).

What a mark stands before is opaque to clients by its provider's own word, so they hand it back as they got it. The mark
is no secret and proves nothing: a client may write into its own history what it likes, and the provider checks what
it has signed.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import urlsplit

SIGN: Final = b"~"
"""Rare in what people and programs write, and not in base64: to find that a body has none costs next to nothing."""
OPENING: Final = SIGN + b"tidegate."

_MOST_SIGNS = 1000  # beyond them the search for the whole is faster, which takes ten times as long as that for a byte
_MARKED = re.compile(r"(~tidegate\.[0-9a-f]{8}\.)(.*)", re.DOTALL)


class Marked(NamedTuple):
    """A value with its mark apart."""

    mark: str
    original: str


def mark_of(base_url: str, maker: str = "") -> bytes:
    """The mark of a provider, the same in every process and for ever.

    Args:
        base_url: where it is. Several accounts, keys and models there are one maker.
        maker: a name that stands for it instead, where an operator gave one.
    """
    parts = urlsplit(base_url)
    identity = f"maker:{maker}" if maker else f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
    return OPENING + sha256(identity.encode()).hexdigest()[:8].encode() + b"."


def holds_marks(body: bytes | bytearray) -> bool:
    """Whether anything in ``body`` looks like a mark: 100 MB without the sign take some milliseconds."""
    place = body.find(SIGN)
    for _ in range(_MOST_SIGNS):
        if place < 0 or body.startswith(OPENING, place):
            return place >= 0
        place = body.find(SIGN, place + 1)
    return body.find(OPENING, place) >= 0


def split_mark(value: object) -> Marked | None:
    """The mark before a value, and the value as it was made; ``None`` for one that no gateway has marked."""
    found = _MARKED.fullmatch(value) if isinstance(value, str) else None
    return Marked(found[1], found[2]) if found is not None else None
