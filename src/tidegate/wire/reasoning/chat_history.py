"""Reasoning in the history of a ``/v1/chat/completions`` request: plain text of the assistant's messages, details, and
signatures of thoughts beside text and tool calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tidegate.wire.reasoning.destination import Destination, Fate, Sorting, places_left
from tidegate.wire.reasoning.extra_content import EXTRA, edits_of_calls, fate_of_extra
from tidegate.wire.reasoning.marking import OF_DETAILS
from tidegate.wire.reasoning.marks import split_mark
from tidegate.wire.reasoning.spans import Edit, Span, assistants, items, members, whole, without

_TEXTS = ("reasoning_content", "reasoning")
_DETAILS = "reasoning_details"
_CALLS = "tool_calls"
_THOUGHT = b"thought_signature"
_NOTHING = msgspec.Raw(b"null")
_EMPTY = frozenset((b"null", b'""', b"[]"))


class _Turn(msgspec.Struct, gc=False):
    role: Any = None
    content: msgspec.Raw = _NOTHING
    reasoning_details: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    extra_content: Any = None
    tool_calls: msgspec.Raw = _NOTHING
    function_call: msgspec.Raw = _NOTHING
    refusal: msgspec.Raw = _NOTHING
    audio: msgspec.Raw = _NOTHING


_TURN = msgspec.json.Decoder(_Turn).decode


def read_chat(text: memoryview, to: Destination) -> Sorting:
    """Plain reasoning of the assistant's messages, and its details; a message that had nothing else goes too."""
    spans = items(text, whole(text))
    edits: list[Edit] = []
    gone: list[int] = []
    for place in assistants(text, spans):
        turn = _TURN(text[slice(*spans[place])])
        if turn.role != "assistant":
            continue
        details = _Details(turn.reasoning_details, to)
        has_reasoning = bool(turn.reasoning_details or turn.reasoning_content or turn.reasoning)
        if has_reasoning and not details.are_own and not details.has_own and _says_nothing_else(turn):
            gone.append(place)
        elif (has_reasoning and details.change) or turn.extra_content or _THOUGHT in bytes(turn.tool_calls):
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

    def __init__(self, entries: Any, to: Destination) -> None:
        self._to = to
        self.entries: list[Any] = entries if isinstance(entries, list) else []
        found = [{fate for _, fate in self._marked(entry, to)} for entry in self.entries]
        marks = set().union(*found)
        self.are_own = Fate.LEFT not in marks if marks else to.is_home
        rest = Fate.KEPT if self.are_own else Fate.LEFT
        self.fates = [Fate.LEFT if Fate.LEFT in each else each.pop() if each else rest for each in found]
        self.has_own = Fate.UNMARKED in self.fates
        self.change = bool(marks) or not self.are_own

    @staticmethod
    def _marked(entry: Any, to: Destination) -> Iterator[tuple[str, Fate]]:
        for name in OF_DETAILS:
            value = entry.get(name) if isinstance(entry, dict) else None
            if split_mark(value) is not None:
                yield name, to.fate(value)

    def edits(self, text: memoryview, span: Span) -> Iterator[Edit]:
        """What changes in the list at ``span``."""
        spans = items(text, span)
        yield from without(spans, places_left(self.fates))
        for entry, place, fate in zip(self.entries, spans, self.fates, strict=True):
            if fate is Fate.UNMARKED:
                found = members(text, place)
                for name in OF_DETAILS:
                    if split_mark(entry.get(name)) is not None:
                        yield self._to.unmarking(text, found[name], entry[name])


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
    return all(len(raw) <= 4 and bytes(raw) in _EMPTY for raw in said)
