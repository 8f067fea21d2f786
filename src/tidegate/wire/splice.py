"""Building a body around slices of another: prompts put into raw message lists, and the final parts."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from tidegate.wire.errors import MalformedBodyError

Piece = bytes | memoryview | msgspec.Raw
SystemPolicy = Literal["prepend", "replace", "keep"]

SYSTEM_ROLES = frozenset({"system", "developer"})
SMALL_BODY = 1 << 16
"""Up to so many bytes a body is joined, whatever is put in."""
_SMALL_PIECE = 1 << 12
_LIST_START = re.compile(rb"\[[ \t\n\r]*(\]?)")


class _Role(msgspec.Struct, gc=False):
    role: Any = None


_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_ROLES = msgspec.json.Decoder(list[_Role])


def is_null(raw: msgspec.Raw) -> bool:
    """Whether a raw value is JSON's null."""
    return len(raw) == 4 and bytes(raw) == b"null"


def splice_messages(
    field: str, raw: msgspec.Raw, system: bytes | None, few_shot: bytes, policy: SystemPolicy
) -> list[Piece]:
    """The client's list with the version's system message and examples put in.

    The order is: the version's system message, the client's leading system or developer messages, the
    examples, the rest. ``replace`` drops every system and developer message of the client, ``keep`` drops the
    version's when the client brings one; both only matter when the version has a system prompt.

    Args:
        field: name of the list, for errors.
        raw: the list.
        system: the version's system message as JSON, or ``None``.
        few_shot: messages as JSON, comma-separated, may be empty.

    Raises:
        MalformedBodyError: the field is no list of objects.
    """
    if not few_shot and (system is None or policy == "prepend"):
        return [raw] if system is None else put_first(field, raw, system)
    try:
        items: list[Piece] = list(_ITEMS.decode(raw))
        roles = [message.role for message in _ROLES.decode(raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedBodyError(f"the field {field!r} must be a list of objects", where=field) from None
    is_system = [isinstance(role, str) and role in SYSTEM_ROLES for role in roles]
    if system is not None and policy == "replace":
        items = [item for item, is_dropped in zip(items, is_system, strict=True) if not is_dropped]
        is_system = []
    elif policy == "keep" and any(is_system):
        system = None
    leading = is_system.index(False) if False in is_system else len(is_system)
    ordered = [system, *items[:leading], few_shot, *items[leading:]]
    return join_list([piece for piece in ordered if piece])


def put_first(field: str, raw: msgspec.Raw, first: bytes) -> list[Piece]:
    """The list with ``first`` (one or several values) before its own; many bytes of it are a view."""
    if len(raw) <= _SMALL_PIECE:  # a copy costs less than a match and a view
        own = bytes(raw)
        if own.startswith(b"[{"):
            return [b"[", first, b",", own[1:]]
    start = _LIST_START.match(raw)
    if start is None:
        raise MalformedBodyError(f"the field {field!r} must be a list", where=field)
    if start[1]:
        return [b"[" + first + b"]"]
    return [b"[" + first + b",", memoryview(raw)[start.end() :]]


def join_list(items: list[Piece]) -> list[Piece]:
    """The pieces of a JSON list of ``items``."""
    pieces: list[Piece] = [b"["]
    for item in items:
        if len(pieces) > 1:
            pieces.append(b",")
        pieces.append(item)
    pieces.append(b"]")
    return pieces


def assemble(pieces: list[Piece]) -> list[bytes | memoryview]:
    """What is handed to the socket: a small body as one buffer, a large one as views between small joins."""
    if sum(map(len, pieces)) <= SMALL_BODY:
        return [b"".join(pieces)]
    parts: list[bytes | memoryview] = []
    small: list[Piece] = []
    for piece in pieces:
        if len(piece) <= _SMALL_PIECE:
            small.append(piece)
            continue
        if small:
            parts.append(b"".join(small))
            small = []
        parts.append(piece if isinstance(piece, bytes) else memoryview(piece))
    if small:
        parts.append(b"".join(small))
    return parts
