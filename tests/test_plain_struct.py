import dis

import msgspec
import pytest

from tidegate.plain_struct import plainly_set


@plainly_set
class Counted(msgspec.Struct, eq=False):
    total: int = 0
    seen: list[int] = []


def add(counted: Counted) -> None:
    for number in range(100):
        counted.total = number


def test_the_interpreter_specialises_setting():
    for _ in range(10):
        add(Counted())
    names = {instruction.opname for instruction in dis.get_instructions(add, adaptive=True)}
    assert "STORE_ATTR_SLOT" in names


def test_attributes_are_set_and_deleted_as_ever():
    counted = Counted(total=1)
    counted.total = 2
    assert (counted.total, counted.seen) == (2, [])
    del counted.total
    with pytest.raises(AttributeError):
        _ = counted.total
    with pytest.raises(AttributeError):
        counted.other = 1
