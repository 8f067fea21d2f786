"""Where values stand in JSON text, so that it can be changed there and stays as it is everywhere else.

The decoder knows how long each value is; between values there are only keys, separators and white space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, NamedTuple

import msgspec

Text = bytes | memoryview

MOST_ITEMS = 20_000
"""Of a list that is looked into: more than any conversation has, and few enough to step over."""
_MOST_MEMBERS = 1000
_MOST_BYTES = 4 << 20  # of an assistant's message: more than any model writes

_LIST = msgspec.json.Decoder(Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MOST_ITEMS)]).decode
_OBJECT = msgspec.json.Decoder(Annotated[dict[str, msgspec.Raw], msgspec.Meta(max_length=_MOST_MEMBERS)]).decode
_STRING = msgspec.json.Decoder(str).decode
_OPENING = re.compile(rb"[ \t\n\r]*[\[{][ \t\n\r]*")
_KEY = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_SOMEBODY_ELSE = re.compile(rb'\{[ \t\n\r]*"role"[ \t\n\r]*:[ \t\n\r]*"(?:user|system|developer|tool)"')
_END = re.compile(rb"[ \t\n\r]*\Z")
_SEPARATOR = re.compile(rb"[ \t\n\r]*(?:,[ \t\n\r]*|[\]}])")


class RepeatedKeyError(ValueError):
    """An object has a key twice, so that it has no one meaning."""


class Span(NamedTuple):
    """From ``start`` up to ``end`` in some text."""

    start: int
    end: int


class Member(NamedTuple):
    """A key of an object with its value: ``start`` is the key's, ``value`` its value alone."""

    start: int
    value: Span

    @property
    def whole(self) -> Span:
        """Key and value."""
        return Span(self.start, self.value.end)


class Edit(NamedTuple):
    """Put ``text`` where ``start`` up to ``end`` stands."""

    start: int
    end: int
    text: bytes = b""


def whole(text: Text) -> Span:
    """All of it."""
    return Span(0, len(text))


def items(text: Text, span: Span) -> list[Span]:
    """Where the values of a list stand.

    Raises:
        msgspec.DecodeError: it is no list, or too long.
    """
    raws = _LIST(memoryview(text)[span.start : span.end])
    position = _after(_OPENING, text, span.start)
    found: list[Span] = []
    for raw in raws:
        found.append(Span(position, position + len(raw)))
        position = _after(_SEPARATOR, text, found[-1].end)
    return found


def assistants(text: Text, spans: Sequence[Span]) -> Iterator[int]:
    """Which messages of a list may be the assistant's: of the others nothing is decoded, for most bytes are theirs."""
    return (
        place
        for place, span in enumerate(spans)
        if span.end - span.start <= _MOST_BYTES and _SOMEBODY_ELSE.match(text, span.start) is None
    )


def members(text: Text, span: Span) -> dict[str, Member]:
    """Where keys and values of an object stand.

    Raises:
        msgspec.DecodeError: it is no object, or has too many members.
        RepeatedKeyError: a key is there twice.
    """
    raws = _OBJECT(memoryview(text)[span.start : span.end])
    position = _after(_OPENING, text, span.start)
    found: dict[str, Member] = {}
    while len(found) < len(raws):
        key = _KEY.match(text, position, span.end)
        name = _STRING(key[1]) if key is not None else None
        if key is None or name is None or name in found or name not in raws:
            raise RepeatedKeyError
        value = Span(key.end(), key.end() + len(raws[name]))
        found[name] = Member(position, value)
        position = _after(_SEPARATOR, text, value.end)
    if raws and _END.match(text, position, span.end) is None:
        raise RepeatedKeyError
    return found


def without(spans: Sequence[Span], dropped: Iterable[int]) -> Iterator[Edit]:
    """The edits that take values out of a list, or members out of an object, with the commas they need no more."""
    gone = frozenset(dropped)
    is_first = True
    for place, span in enumerate(spans):
        if place not in gone:
            is_first = False
        elif not is_first:
            yield Edit(spans[place - 1].end, span.end)
        elif place + 1 < len(spans):
            yield Edit(span.start, spans[place + 1].start)
        else:
            yield Edit(span.start, span.end)


def edited(text: Text, edits: Iterable[Edit]) -> bytes:
    """The text with all edits made; they must not overlap."""
    return b"".join(pieces_of(text, edits))


def pieces_of(text: Text, edits: Iterable[Edit]) -> Iterator[Text]:
    """The same in pieces, of which those that stay are views."""
    view, position = memoryview(text), 0
    for edit in sorted(edits):
        if edit.start > position:
            yield view[position : edit.start]
        if edit.text:
            yield edit.text
        position = edit.end
    yield view[position:]


def _after(pattern: re.Pattern[bytes], text: Text, position: int) -> int:
    found = pattern.match(text, position)
    if found is None:  # the value before it is longer than the one the decoder kept
        raise RepeatedKeyError
    return found.end()
