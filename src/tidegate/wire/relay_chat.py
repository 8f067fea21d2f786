"""Streams of ``/v1/chat/completions`` and ``/v1/completions``."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, ClassVar

import msgspec

from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.marking import DELTA_DETAILS, DELTA_EXTRAS, OF_DETAILS, marked, marked_block, places
from tidegate.wire.relay import EventRelay
from tidegate.wire.surprisal import NOTHING, read_surprisal
from tidegate.wire.usage import read_openai_usage

DONE = b"data: [DONE]\n\n"
_USAGE_NULL = b',"usage":null'
_THOUGHT = b'"thought_signature"'
_NONE: AbstractSet[int] = frozenset()
_FIRST: AbstractSet[int] = frozenset((0,))
Detail = tuple[int, int | None, str]
"""One value in a stream: index of its choice, index of its entry if that has one, name of its field."""


class _Delta(msgspec.Struct, gc=False):
    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None
    extra_content: Any = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: _Delta | None = None
    text: Any = None  # completions
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Any = msgspec.UNSET
    error: Any = None
    model: str | None = None


_CHUNK = msgspec.json.Decoder(_Chunk).decode
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ChatRelay(EventRelay):
    """Follows chat and completion chunks.

    Args:
        mark: as of :class:`EventRelay`.
        strips_usage: the gateway asked for usage and the client did not: the chunk that only tells usage
            is kept back and ``usage`` is cut from the others.
        choices: asked for; a choice that never began is as unfinished as one that was cut.
    """

    __slots__ = ("_choices", "_finished", "_marked_details", "_opaque", "_seen", "_strips_usage")
    kind: ClassVar[Kind] = Kind.CHAT

    def __init__(self, mark: bytes = b"", *, strips_usage: bool = False, choices: int = 1) -> None:
        super().__init__(mark)
        self._opaque: list[Detail] | None = None  # details of the event under way, which may have other such values
        self._marked_details: frozenset[Detail] = frozenset()
        self._strips_usage = strips_usage
        self._choices = choices
        self._seen = self._finished = _NONE

    def _follow(self, data: bytes, block: bytes) -> bytes:
        try:
            chunk = _CHUNK(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._done(block) if data.strip() == b"[DONE]" else self._malformed(data, block)
        if chunk.error:
            return self._fail(chunk.error, block)
        if chunk.choices:
            for choice in chunk.choices:
                self._follow_choice(choice)
        if self._opaque is not None:
            data, block = self._with_marks(data, block)
        if not self.model and chunk.model:
            self.model = chunk.model
        usage = chunk.usage
        if usage:
            self.usage = read_openai_usage(usage) or self.usage
        if usage is msgspec.UNSET or not self._strips_usage:
            return block
        return _without_usage(data, block) if usage is None or chunk.choices else b""

    def _follow_choice(self, choice: _Choice) -> None:
        index = choice.index
        if index not in self._seen:
            self._seen = _with(self._seen, index)
            self.is_complete = False
        delta = choice.delta
        if (delta is not None and (delta.content or self._has_other_content(delta))) or choice.text:
            self.has_content = True
            self.content_events += 1
            if delta is not None and (delta.refusal or delta.reasoning_details):
                self._note(index, delta)
        if choice.finish_reason:
            self._finish(index, choice.finish_reason)

    def _note(self, index: int, delta: _Delta) -> None:
        """What few deltas bring."""
        self.is_refused = self.is_refused or bool(delta.refusal)
        if delta.reasoning_details and self._mark:
            self._opaque = [*(self._opaque or ()), *_opaque_details(index, delta.reasoning_details)]

    def _has_other_content(self, delta: _Delta) -> bool:
        """Whether a delta without text is content."""
        if (delta.tool_calls or delta.extra_content) and self._mark:
            self._opaque = self._opaque or []
        return bool(
            delta.tool_calls
            or delta.reasoning_content
            or delta.reasoning
            or delta.reasoning_details
            or delta.refusal
            or delta.function_call
            or delta.audio
        )

    def _with_marks(self, data: bytes, block: bytes) -> tuple[bytes, bytes]:
        """The event with our mark on opaque values; of one in several pieces the first has it."""
        details, self._opaque = self._opaque or [], None
        fresh = [place for path in DELTA_EXTRAS for place in places(data, path)] if _THOUGHT in data else []
        found = places(data, DELTA_DETAILS) if details else []
        for place, detail in zip(found, details, strict=False):  # none are found where they are ambiguous
            if detail not in self._marked_details:
                fresh.append(place)
            if detail[1] is not None:
                self._marked_details |= {detail}
        return marked(data, fresh, self._mark), marked_block(block, data, fresh, self._mark)

    def _finish(self, index: int, reason: str) -> None:
        self.finish_reason = self.finish_reason or reason
        self.is_filtered = self.is_filtered or reason == "content_filter"
        self._finished = _with(self._finished, index)
        self.is_complete = len(self._finished) >= self._choices and self._finished >= self._seen

    def _done(self, block: bytes) -> bytes:
        if not self._finished:
            return self._await_end()
        self.is_complete = True
        self._is_closed = True
        return block

    def _terminator(self) -> bytes:
        return DONE


class ScoredChatRelay(ChatRelay):
    """The same where the client asked for log probabilities: they are read from each event as well."""

    __slots__ = ("surprisal",)

    def __init__(self, mark: bytes = b"", *, strips_usage: bool = False, choices: int = 1) -> None:
        super().__init__(mark, strips_usage=strips_usage, choices=choices)
        self.surprisal = NOTHING

    def _follow(self, data: bytes, block: bytes) -> bytes:
        if (found := read_surprisal(data)).tokens:
            self.surprisal = self.surprisal.plus(found)
        return super()._follow(data, block)


def _with(indexes: AbstractSet[int], index: int) -> AbstractSet[int]:
    """These and one more. Nearly every answer has one choice, so those share one set."""
    if isinstance(indexes, set):
        indexes.add(index)
        return indexes
    return {*indexes, index} if indexes or index else _FIRST


def _opaque_details(choice: int, details: Any) -> list[Detail]:
    """The opaque values among a delta's ``reasoning_details``, in their order."""
    entries = details if isinstance(details, list) else []
    return [
        (choice, index if isinstance(index := entry.get("index"), int) else None, name)
        for entry in entries
        if isinstance(entry, dict)
        for name in OF_DETAILS
        if isinstance(value := entry.get(name), str) and value
    ]


def _without_usage(data: bytes, block: bytes) -> bytes:
    """The event with ``usage`` cut out, every other value as it came.

    Inside a JSON string a quote is escaped, so the compact form can only be a key and its null.
    """
    cut = block.replace(_USAGE_NULL, b"")
    if len(block) - len(cut) == len(_USAGE_NULL):
        return cut
    pairs = [msgspec.json.encode(key) + b":" + bytes(raw) for key, raw in _FIELDS(data).items() if key != "usage"]
    return b"data: {" + b",".join(pairs) + b"}\n\n"
