"""Reasoning in the history of a ``/v1/chat/completions`` request: plain text of the assistant's messages, details, and
signatures of thoughts beside text and tool calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from tidegate.wire.reasoning.destination import Destination, Fate, Sorting, places_left, text_of
from tidegate.wire.reasoning.extra_content import EXTRA, NOTHING, edits_of_calls, fate_of_extra
from tidegate.wire.reasoning.marking import OF_DETAILS
from tidegate.wire.reasoning.marks import split_mark
from tidegate.wire.reasoning.spans import MOST_ITEMS, Edit, Span, assistants, items, members, whole, without

_TEXTS = ("reasoning_content", "reasoning")
_DETAILS = "reasoning_details"
_CALLS = "tool_calls"
_MANY_BYTES = 1 << 16
_THOUGHT = b"thought_signature"
_EMPTY = frozenset((b"null", b'""', b"[]"))


class _Entry(msgspec.Struct, gc=False):
    signature: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING


class _Turn(msgspec.Struct, gc=False):
    role: str | None = None
    content: msgspec.Raw = NOTHING
    reasoning_details: msgspec.Raw = NOTHING
    reasoning_content: msgspec.Raw = NOTHING
    reasoning: msgspec.Raw = NOTHING
    extra_content: msgspec.Raw = NOTHING
    tool_calls: msgspec.Raw = NOTHING
    function_call: msgspec.Raw = NOTHING
    refusal: msgspec.Raw = NOTHING
    audio: msgspec.Raw = NOTHING


_ENTRIES = msgspec.json.Decoder(Annotated[list[_Entry], msgspec.Meta(max_length=MOST_ITEMS)]).decode
_TURN = msgspec.json.Decoder(_Turn).decode


def read_chat(text: memoryview, to: Destination) -> Sorting:
    """Plain reasoning of the assistant's messages, and its details; a message that had nothing else goes too."""
    spans = items(text, whole(text))
    edits: list[Edit] = []
    gone: list[int] = []
    for place in assistants(text, spans):
        turn = _turn_of(text[slice(*spans[place])])
        if turn is None:
            continue
        details = _Details(_entries_of(turn), to)
        has_reasoning = not all(map(_is_empty, (turn.reasoning_details, turn.reasoning_content, turn.reasoning)))
        if has_reasoning and not details.are_own and not details.has_own and _says_nothing_else(turn):
            gone.append(place)
        elif (has_reasoning and details.change) or any(
            _THOUGHT in bytes(raw) for raw in (turn.extra_content, turn.tool_calls)
        ):
            edits += _edits_of_turn(text, spans[place], details, to)
    return Sorting([*edits, *without(spans, gone)])


class _Details:
    """Entries of one message's ``reasoning_details``.

    Attributes:
        are_own: the message's reasoning is the provider's own: by the marks it has, without any by where it goes.
        fates: of each entry.
        has_own: one of them has the provider's mark.
        change: something of it does not go as it is.
    """

    def __init__(self, entries: list[_Entry], to: Destination) -> None:
        self._to = to
        self._entries = entries
        marks = [{to.fate(getattr(entry, name)) for name in _marked(entry)} for entry in entries]
        found = set[Fate]().union(*marks)
        self.are_own = Fate.LEFT not in found if found else to.is_home
        rest = Fate.KEPT if self.are_own else Fate.LEFT
        self.fates = [Fate.LEFT if Fate.LEFT in each else Fate.UNMARKED if each else rest for each in marks]
        self.has_own = Fate.UNMARKED in self.fates
        self.change = bool(found) or not self.are_own

    def edits(self, text: memoryview, span: Span) -> Iterator[Edit]:
        """What changes in the list at ``span``."""
        spans = items(text, span)
        yield from without(spans, places_left(self.fates))
        for entry, place, fate in zip(self._entries, spans, self.fates, strict=True):
            if fate is Fate.UNMARKED:
                found = members(text, place)
                for name in _marked(entry):
                    yield self._to.unmarking(text, found[name])


def _marked(entry: _Entry) -> list[str]:
    """What has a mark, whosever."""
    return [name for name in OF_DETAILS if split_mark(text_of(getattr(entry, name))) is not None]


def _entries_of(turn: _Turn) -> list[_Entry]:
    """None where they cannot be read: then they have no mark that could be.

    Raises:
        msgspec.DecodeError: they cannot be read and are many bytes.
    """
    entries: list[_Entry] = []
    try:
        entries = _ENTRIES(turn.reasoning_details)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if len(turn.reasoning_details) > _MANY_BYTES:
            raise
    return entries


def _turn_of(message: memoryview) -> _Turn | None:
    """An assistant's turn, ``None`` of another or of one that cannot be read."""
    try:
        turn = _TURN(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return turn if turn.role == "assistant" else None


def _edits_of_turn(text: memoryview, span: Span, details: _Details, to: Destination) -> Iterator[Edit]:
    found = members(text, span)
    fate, edits = fate_of_extra(text, found, to)
    yield from edits
    dropped = set() if details.are_own else {name for name in (*_TEXTS, _DETAILS) if name in found}
    if details.has_own:
        dropped.discard(_DETAILS)
        yield from details.edits(text, found[_DETAILS].value)
    if fate is Fate.LEFT:
        dropped.add(EXTRA)
    if _CALLS in found and text[found[_CALLS].value.start] == ord("["):
        yield from edits_of_calls(text, found[_CALLS].value, to)
    names = list(found)
    yield from without([member.whole for member in found.values()], (names.index(name) for name in dropped))


def _says_nothing_else(turn: _Turn) -> bool:
    said = (turn.content, turn.tool_calls, turn.function_call, turn.refusal, turn.audio)
    return all(map(_is_empty, said))


def _is_empty(raw: msgspec.Raw) -> bool:
    return len(raw) <= 4 and bytes(raw) in _EMPTY
