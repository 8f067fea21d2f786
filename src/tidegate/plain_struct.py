"""Structs whose attributes are set as those of any class with slots."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def plainly_set(struct: type[T]) -> type[T]:
    """Set attributes of ``struct`` without msgspec's look at each value, which keeps the interpreter from specialising the
    instruction (PEP 659): a third of the time, for what is set many times per request.

    msgspec looks because it shows an instance to the garbage collector only once it holds something that could be a
    part of a cycle. So this is for structs that are made with such a value, or never get one that leads back to them.
    """
    struct.__setattr__ = object.__setattr__  # type: ignore[method-assign]  # in the class's body msgspec would undo it
    struct.__delattr__ = object.__delattr__  # type: ignore[method-assign]  # both share one slot of the type
    return struct
