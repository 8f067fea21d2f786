"""Values decoded from stored text, kept so that what did not change is not decoded again by the next pass."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Decoded(Generic[Key, Value]):
    """The last value of each of the latest keys.

    Args:
        decode: makes an immutable value of a text; the same text gives the same value.
        at_most: keys.
    """

    def __init__(self, decode: Callable[[str], Value], at_most: int) -> None:
        self._decode = decode
        self._at_most = at_most
        self._known: OrderedDict[Key, tuple[str, Value]] = OrderedDict()

    def of(self, key: Key, text: str) -> Value:
        """The value of ``text``, which is what is stored of ``key`` now."""
        known = self._known.get(key)
        if known is None or known[0] != text:
            known = self._known[key] = (text, self._decode(text))
        self._known.move_to_end(key)
        if len(self._known) > self._at_most:
            self._known.popitem(last=False)
        return known[1]
