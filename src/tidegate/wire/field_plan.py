"""Which fields of a request travel, and under which names: decided once for each order of names that clients send.

What happens to a field hardly ever depends on its value, and an application sends the same names with every request. So
the pieces between the values are laid out once, and a request costs a copy of them with its own values put in.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from tidegate.wire.splice import Piece, is_null

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST_NAMES = 1024
_MOST_NAMES = 64


class FieldPlan:
    """The pieces of a body whose fields have given names, in their order.

    Args:
        head: the body's beginning, with its first field.
        kept: field -> ``,"field":``, in the client's order.
        tail: what follows the client's fields.
        checked: fields that must not be null; where one is, it takes another plan.
    """

    __slots__ = ("_checked", "_end", "_pieces", "_places", "_slots", "_values")

    def __init__(self, head: bytes, kept: Mapping[str, bytes], tail: list[bytes], checked: tuple[str, ...]) -> None:
        self._pieces: list[Piece] = [head]
        for prefix in kept.values():
            self._pieces += (prefix, b"")
        self._end = len(self._pieces)
        self._pieces += tail
        self._slots = slice(2, self._end, 2)
        self._values = _getter(tuple(kept))
        self._places = {name: 1 + 2 * place for place, name in enumerate(kept)}
        self._checked = checked

    def holds_for(self, fields: Mapping[str, msgspec.Raw]) -> bool:
        """Whether no field is null that must not be."""
        for name in self._checked:  # noqa: SIM110 - a generator costs more than the loop
            if is_null(fields[name]):
                return False
        return True

    def pieces(self, fields: Mapping[str, msgspec.Raw], inserted: Mapping[str, list[Piece]]) -> list[Piece]:
        """The body; inserted fields stand where the client's stood, new ones after them."""
        pieces = self._pieces.copy()
        pieces[self._slots] = self._values(fields)
        if len(inserted) == 1:  # nearly always
            for name, value in inserted.items():
                place = self._places.get(name)
                if place is None:
                    pieces[self._end : self._end] = value
                else:
                    pieces[place : place + 2] = value
        elif inserted:
            self._insert(pieces, inserted)
        return pieces

    def _insert(self, pieces: list[Piece], inserted: Mapping[str, list[Piece]]) -> None:
        """From the end, so that places before it stay what they are."""
        places = self._places
        pieces[self._end : self._end] = [
            piece for name, value in inserted.items() if name not in places for piece in value
        ]
        for place, name in sorted(((places[name], name) for name in inserted if name in places), reverse=True):
            pieces[place : place + 2] = inserted[name]


def is_worth_remembering(names: tuple[str, ...]) -> bool:
    """Whether names are such as an application sends again; a client must not fill our memory with others."""
    return 0 < len(names) <= _MOST_NAMES and sum(map(len, names)) <= _LONGEST_NAMES


def _getter(names: tuple[str, ...]) -> Callable[[Mapping[str, msgspec.Raw]], tuple[Any, ...]]:
    if len(names) == 1:
        name = names[0]
        return lambda fields: (fields[name],)
    return itemgetter(*names) if names else lambda _: ()
