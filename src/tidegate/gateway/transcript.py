"""The answer of one request as it went to the client, held for whoever keeps it: within a bound for each and for all."""

from __future__ import annotations

from collections.abc import Callable

MOST_ANSWER_BYTES = 1 << 20
MOST_HELD_BYTES = 64 << 20

Feed = Callable[[bytes], bytes]


class Allowance:
    """Bytes that everything held in this process may take together.

    Attributes:
        held: bytes taken now.
    """

    __slots__ = ("held", "most")

    def __init__(self, most: int = MOST_HELD_BYTES) -> None:
        self.most = most
        self.held = 0

    def take(self, size: int) -> bool:
        """Whether ``size`` more fit; they are then taken."""
        if self.held + size > self.most:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """They are held no longer."""
        self.held -= size


class Transcript:
    """Bytes of one answer.

    Attributes:
        is_cut: it was longer than the bound, or there was no room.
        size: bytes held.
    """

    __slots__ = ("_allowance", "_parts", "is_cut", "size")

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._parts: list[bytes] = []
        self.size = 0
        self.is_cut = False

    def add(self, data: bytes) -> None:
        """More of the answer."""
        if self.is_cut:
            return
        if self.size + len(data) > MOST_ANSWER_BYTES or not self._allowance.take(len(data)):
            self.is_cut = True
            return
        self._parts.append(data)
        self.size += len(data)

    def follow(self, feed: Feed) -> Feed:
        """``feed`` of an attempt that begins: what it passes on is noted; what an attempt before it left is forgotten."""
        self.clear()

        def noting(data: bytes) -> bytes:
            passed = feed(data)
            if passed:
                self.add(passed)
            return passed

        return noting

    def clear(self) -> None:
        """Hold nothing."""
        self._allowance.give_back(self.size)
        self._parts.clear()
        self.size = 0
        self.is_cut = False

    def __bytes__(self) -> bytes:
        return b"".join(self._parts)
