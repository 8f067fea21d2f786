"""Two chat answers to one request as one answer with two choices, whole or as a stream.

Everything that could tell which version gave which answer is the same for both: id, model and instant are the common
ones, what a provider adds beside them is left out, and tokens are the sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from tidegate.wire.sse import SseDecoder, SseEvent, encode_event

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CHOICES = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_ANY = msgspec.json.Decoder(dict[str, Any] | None)
_DONE = b"[DONE]"
_CHUNK = "chat.completion.chunk"
_NULL = b"null"


class Head(NamedTuple):
    """What both choices have in common.

    Attributes:
        created: seconds since the epoch.
        model: the service that was asked.
    """

    answer_id: str
    created: int
    model: str

    def document(self, kind: str, choices: list[Any], usage: dict[str, Any] | None = None) -> bytes:
        """An answer, or an event of one, as JSON."""
        made: dict[str, Any] = {
            "id": self.answer_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }
        return msgspec.json.encode(made if usage is None else {**made, "usage": usage})


def whole_answer(head: Head, answers: list[bytes]) -> bytes:
    """One answer of several, each the choice of its place.

    Args:
        answers: chat completions as they came, in the order of their places.

    Raises:
        msgspec.DecodeError: one of them is no chat completion.
    """
    read = [_OBJECT.decode(answer) for answer in answers]
    choices = [_placed(_CHOICES.decode(fields.get("choices", b"[]"))[:1], place) for place, fields in enumerate(read)]
    usage = [_ANY.decode(fields.get("usage", _NULL)) for fields in read]
    return head.document("chat.completion", [choice for own in choices for choice in own], added(usage))


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
        self.usage: dict[str, Any] | None = None
        self.is_broken = False

    def feed(self, data: bytes) -> bytes:
        """What these bytes of its own stream put into the common one: whole events only."""
        return b"".join(map(self._event, self._events.feed(data)))

    def break_off(self) -> bytes:
        """The event that says that no more of this choice comes and that it is not whole."""
        self.is_broken = True
        choice = {"index": self._place, "delta": {}, "finish_reason": "error"}
        return encode_event(self._head.document(_CHUNK, [choice]))

    def _event(self, event: SseEvent) -> bytes:
        if not event.data or event.data == _DONE or self.is_broken:
            return b""
        try:
            fields = _OBJECT.decode(event.data)
            choices = _CHOICES.decode(fields.get("choices", b"[]"))
        except msgspec.DecodeError:
            return b""  # the relay has counted it
        if "error" in fields:
            self.is_broken = True
            return b""
        self.usage = _ANY.decode(fields.get("usage", _NULL)) or self.usage
        if not choices:
            return b""
        return encode_event(self._head.document(_CHUNK, _placed(choices, self._place)))


def end_of_streams(head: Head, streams: list[ChoiceStream]) -> bytes:
    """The end of the common stream: the tokens of both, where they were told, and the mark."""
    usage = added([stream.usage for stream in streams])
    told = b"" if usage is None else encode_event(head.document(_CHUNK, [], usage))
    return told + encode_event(_DONE)


def added(usages: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """The sum of token counts, field by field, over those that were told."""
    total: dict[str, Any] | None = None
    for usage in usages:
        if usage is not None:
            total = usage if total is None else _sum(total, usage)
    return total


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    made = dict(one)
    for name, value in other.items():
        known = made.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            made[name] = _sum(known, value)
        elif isinstance(value, int | float) and isinstance(known, int | float):
            made[name] = known + value
        elif known is None:
            made[name] = value
    return made


def _placed(choices: list[dict[str, msgspec.Raw]], place: int) -> list[dict[str, Any]]:
    return [{**choice, "index": place} for choice in choices]
