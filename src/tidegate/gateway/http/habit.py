"""A sender's last ordinary head, cut where its length stands: the next one often differs in nothing else.

One cut and one comparison then tell as much as a split and a look-up per line.
"""

from __future__ import annotations

_CHANCES = 8
_NOTHING = b"\0"  # neither begins nor ends a head
_NAME = b"\r\ncontent-length: "


class Habit:
    """What the heads of one sender have in common."""

    __slots__ = ("_after", "_before", "_chances", "_start")

    def __init__(self) -> None:
        self._before = _NOTHING
        self._after = _NOTHING
        self._start = len(_NOTHING)  # of the length
        self._chances = _CHANCES

    def learn(self, head: bytes) -> bool:
        """Remember an ordinary head; whether that was done. A sender whose heads never come again is not followed for
        long.
        """
        if not self._chances:
            return False
        self._chances -= 1
        line = head.lower().find(_NAME)
        if line < 0:
            return False
        self._start = start = line + len(_NAME)
        self._before, self._after = head[:start], head[head.index(b"\r\n", start) :]
        return True

    def length_in(self, head: bytes) -> bytes | None:
        """The length that stands in a head, if it is the one that was learned but for that."""
        if not (head.startswith(self._before) and head.endswith(self._after)):
            return None
        length = head[self._start : -len(self._after)]
        if not length.isdigit():
            return None
        self._chances = _CHANCES
        return length

    def body_of(self, data: bytes) -> bytes | None:
        """The body, if ``data`` is nothing else than one whole message with the head that was learned."""
        before = self._before
        if not data.startswith(before):
            return None
        head, _, body = data.partition(self._after)  # it holds the empty line, which no head has before its end
        if head != b"%b%d" % (before, len(body)):
            return None
        self._chances = _CHANCES
        return body
