"""64-bit hashes as databases hold them: signed."""

from __future__ import annotations

_HALF, _WHOLE = 1 << 63, 1 << 64


def to_signed(unsigned: int) -> int:
    """The signed number with the same 64 bits."""
    return unsigned - _WHOLE if unsigned >= _HALF else unsigned


def to_unsigned(signed: int) -> int:
    """The unsigned number with the same 64 bits."""
    return signed + _WHOLE if signed < 0 else signed
