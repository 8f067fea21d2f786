"""Puts the mark of their maker on the opaque parts of an answer; every other byte stays as it came.

==========  =======================================================  ====================================
endpoint    opaque part                                              where
==========  =======================================================  ====================================
messages    ``signature`` of thinking, ``data`` of redacted thinking  blocks; their start and signature deltas
responses   ``encrypted_content`` of reasoning                        items, their events, the last event
chat        ``signature`` and ``data`` of ``reasoning_details``       messages and deltas
chat        ``thought_signature`` in ``extra_content.google``         the same, and their tool calls
==========  =======================================================  ====================================

What cannot be followed stays without a mark, which is no error: then the rule for unmarked parts holds.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tidegate.wire.reasoning.spans import Edit, RepeatedKeyError, Span, edited, items, members, whole
from tidegate.wire.sse import encode_event, parse_block

Path = tuple[str, ...]
EACH = "*"
"""In a path: every value of the list."""

BLOCKS: Path = ("content", EACH)
STARTED_BLOCK: Path = ("content_block",)
DELTA: Path = ("delta",)
ITEMS: Path = ("output", EACH)
ITEM: Path = ("item",)
LAST_ITEMS: Path = ("response", "output", EACH)
DETAILS: Path = ("choices", EACH, "message", "reasoning_details", EACH)
DELTA_DETAILS: Path = ("choices", EACH, "delta", "reasoning_details", EACH)
EXTRAS: tuple[Path, ...] = (
    ("choices", EACH, "message", "extra_content", "google"),
    ("choices", EACH, "message", "tool_calls", EACH, "extra_content", "google"),
)
DELTA_EXTRAS: tuple[Path, ...] = (
    ("choices", EACH, "delta", "extra_content", "google"),
    ("choices", EACH, "delta", "tool_calls", EACH, "extra_content", "google"),
)

_BY_TYPE = {
    "thinking": ("signature",),
    "signature_delta": ("signature",),
    "redacted_thinking": ("data",),
    "reasoning": ("encrypted_content",),
}
OF_DETAILS = ("signature", "data")
"""What is opaque in an entry of ``reasoning_details``, whatever its type."""

_BY_NAME = {"reasoning_details": OF_DETAILS, "extra_content": ("thought_signature",)}
_QUOTE, _EMPTY = ord('"'), len('""')
_TYPE = msgspec.json.Decoder(str).decode


def places(text: bytes, path: Path) -> list[int]:
    """Where marks go in the objects at ``path``: behind the quotes that open their opaque values, of which empty ones
    are none. Nothing where the text has another shape."""
    names = next((names for step, names in _BY_NAME.items() if step in path), None)
    try:
        return list(_places(text, whole(text), path, names))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, RepeatedKeyError):
        return []


def marked(text: bytes, found: list[int], mark: bytes) -> bytes:
    """The text with ``mark`` at each place."""
    return edited(text, [Edit(place, place, mark) for place in found]) if found else text


def marked_block(block: bytes, data: bytes, found: list[int], mark: bytes) -> bytes:
    """The same for an event of a stream.

    Args:
        block: the event's lines.
        data: what they carry, in which the places are.
    """
    if not found:
        return block
    start = block.find(data)
    if start < 0:  # it is spread over several lines
        return encode_event(marked(data, found, mark), parse_block(block).event)
    return block[:start] + marked(data, found, mark) + block[start + len(data) :]


def _places(text: bytes, span: Span, path: Path, names: Path | None) -> Iterator[int]:
    if not path:
        yield from _in_object(text, span, names)
    elif path[0] == EACH:
        for item in items(text, span):
            yield from _places(text, item, path[1:], names)
    elif (member := members(text, span).get(path[0])) is not None and text[member.value.start] in b"[{":
        yield from _places(text, member.value, path[1:], names)


def _in_object(text: bytes, span: Span, names: Path | None) -> Iterator[int]:
    fields = members(text, span)
    if names is None:
        kind = fields.get("type")
        names = _BY_TYPE.get(_TYPE(text[kind.value.start : kind.value.end]), ()) if kind is not None else ()
    for name in names:
        found = fields.get(name)
        if found is not None and text[found.value.start] == _QUOTE and found.value.end - found.value.start > _EMPTY:
            yield found.value.start + 1
