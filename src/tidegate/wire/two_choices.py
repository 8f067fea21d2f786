"""Two chat answers to one request as one answer with two choices, whole or as a stream.

Everything that could tell which version gave which answer is the same for both: id, model and instant are the common
ones, tokens are the sum, and of each choice, its message and its usage only what the endpoint promises is passed on. What
a provider adds beside that is left out, and what it has wrong spoils nothing but itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import msgspec

from tidegate.wire.sse import SseDecoder, SseEvent, encode_event
from tidegate.wire.usage import MOST_TOKENS

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CHOICES = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_ANY = msgspec.json.Decoder()
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_DONE = b"[DONE]"
_CHUNK = "chat.completion.chunk"
_NOTHING, _EMPTY = msgspec.Raw(b"null"), msgspec.Raw(b"{}")

_OF_CHOICE = ("finish_reason", "logprobs")
_OF_MESSAGE = ("role", "content", "refusal", "annotations", "audio")
_TOKENS: Mapping[str, tuple[str, ...]] = {
    "prompt_tokens": (),
    "completion_tokens": (),
    "total_tokens": (),
    "prompt_tokens_details": ("cached_tokens", "audio_tokens"),
    "completion_tokens_details": (
        "reasoning_tokens",
        "audio_tokens",
        "accepted_prediction_tokens",
        "rejected_prediction_tokens",
    ),
}

Tokens = dict[str, int | dict[str, int]]
"""Counts by the endpoint's names; those of the details one level down."""


class Head(NamedTuple):
    """What both choices have in common.

    Attributes:
        created: seconds since the epoch.
        model: the service that was asked.
    """

    answer_id: str
    created: int
    model: str

    def document(self, kind: str, choices: Sequence[Any], usage: Tokens | None = None) -> bytes:
        """An answer, or an event of one, as JSON."""
        made: dict[str, Any] = {
            "id": self.answer_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }
        return msgspec.json.encode(made if usage is None else {**made, "usage": usage})


class Choice(NamedTuple):
    """What one whole answer says, without a place yet."""

    fields: dict[str, Any]
    usage: Tokens | None


def read_choice(answer: bytes) -> Choice | None:
    """The first choice of a chat completion; ``None`` when it has none that could be shown."""
    try:
        fields = _OBJECT.decode(answer)
        choices = _CHOICES.decode(fields.get("choices", _NOTHING))
        return Choice(_promised(choices[0], "message", _NOTHING), _tokens(fields)) if choices else None
    except _UNREADABLE:
        return None


def whole_answer(head: Head, choices: Sequence[Choice]) -> bytes:
    """One answer of several, each the choice of its place."""
    placed = [{"index": place, **choice.fields} for place, choice in enumerate(choices)]
    return head.document("chat.completion", placed, added([choice.usage for choice in choices]))


class ChoiceStream:
    """One streamed answer as the choice of its place in a common stream.

    Attributes:
        usage: what it cost in tokens, where the client asked for it.
        is_broken: an error event came; nothing of it is passed on.
    """

    __slots__ = ("_events", "_head", "_place", "is_broken", "usage")

    def __init__(self, head: Head, place: int) -> None:
        self._head = head
        self._place = place
        self._events = SseDecoder()
        self.usage: Tokens | None = None
        self.is_broken = False

    def feed(self, data: bytes) -> bytes:
        """What these bytes of its own stream put into the common one: whole events only."""
        return b"".join(map(self._event, self._events.feed(data)))

    def break_off(self) -> bytes:
        """The event that says that no more of this choice comes and that it is not whole."""
        self.is_broken = True
        return self._placed({"delta": {}, "finish_reason": "error"})

    def _event(self, event: SseEvent) -> bytes:
        if not event.data or event.data == _DONE or self.is_broken:
            return b""
        try:
            return self._read(_OBJECT.decode(event.data))
        except _UNREADABLE:
            return b""  # the relay has counted it

    def _read(self, fields: dict[str, msgspec.Raw]) -> bytes:
        if "error" in fields:
            self.is_broken = True
            return b""
        self.usage = _tokens(fields) or self.usage
        choices = _CHOICES.decode(fields.get("choices", b"[]"))
        return self._placed(_promised(choices[0], "delta", _EMPTY)) if choices else b""

    def _placed(self, choice: dict[str, Any]) -> bytes:
        return encode_event(self._head.document(_CHUNK, [{"index": self._place, **choice}]))


def end_of_streams(head: Head, streams: list[ChoiceStream]) -> bytes:
    """The end of the common stream: the tokens of both, where they were told, and the mark."""
    usage = added([stream.usage for stream in streams])
    told = b"" if usage is None else encode_event(head.document(_CHUNK, [], usage))
    return told + encode_event(_DONE)


def added(usages: Sequence[Tokens | None]) -> Tokens | None:
    """The sum of token counts, field by field, over those that were told."""
    total: Tokens | None = None
    for usage in usages:
        if usage is not None:
            total = usage if total is None else _sum(total, usage)
    return total


def _sum(one: Tokens, other: Tokens) -> Tokens:
    made: Tokens = dict(one)
    for name, value in other.items():
        known = made.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            made[name] = {part: known.get(part, 0) + value.get(part, 0) for part in dict.fromkeys((*known, *value))}
        elif isinstance(value, int) and isinstance(known, int):
            made[name] = known + value
        else:
            made[name] = value
    return made


def _promised(choice: dict[str, msgspec.Raw], text: str, default: msgspec.Raw) -> dict[str, Any]:
    """Of a choice what the endpoint promises.

    Args:
        text: names what it says: ``message`` or ``delta``.
        default: for a choice that has no such thing.

    Raises:
        DecodeError: it says nothing, or not as an object.
    """
    said = _OBJECT.decode(choice.get(text, default))
    kept = {name: choice[name] for name in _OF_CHOICE if name in choice}
    return {text: {name: said[name] for name in _OF_MESSAGE if name in said}, **kept}


def _tokens(fields: Mapping[str, msgspec.Raw]) -> Tokens | None:
    """The counts of an answer's usage; what is no count is left out."""
    try:
        told = _ANY.decode(fields.get("usage", _NOTHING))
    except _UNREADABLE:
        return None
    found: Tokens = {}
    for name, parts in _TOKENS.items():
        value = told.get(name) if isinstance(told, dict) else None
        if parts and isinstance(value, dict):
            found[name] = {part: value[part] for part in parts if _is_count(value.get(part))}
        elif not parts and _is_count(value):
            found[name] = value
    return found or None


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MOST_TOKENS
