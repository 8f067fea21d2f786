"""What an answer says, as one text: to be compared with another answer to the same request.

Text, refusals and tool calls, in their order; reasoning is left out, for it is not the answer. A tool call is a line
``[call NAME ARGUMENTS]``. Off every request's path, so it may decode whole bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tidegate.wire.kinds import Kind
from tidegate.wire.sse import EventTooLargeError, SseDecoder

_DONE = b"[DONE]"


def answer_text(kind: Kind, body: bytes, *, is_stream: bool) -> str | None:
    """The text of a 2xx body in the dialect of ``kind``; ``None`` when it has none or cannot be read.

    Args:
        kind: the endpoint that answered.
        body: as the client got it.
        is_stream: whether it is a stream of events.
    """
    readers = _STREAMED if is_stream else _WHOLE
    try:
        reader = readers[kind]
        told = _events(body) if is_stream else [msgspec.json.decode(body)]
        return "\n".join(part for part in reader(told) if part)
    except (KeyError, TypeError, AttributeError, msgspec.DecodeError, EventTooLargeError, UnicodeDecodeError):
        return None


def _events(body: bytes) -> list[Any]:
    decoder = SseDecoder()
    found = [*decoder.feed(body), *decoder.end()]
    return [msgspec.json.decode(event.data) for event in found if event.has_data and event.data.strip() != _DONE]


class _Blocks:
    """Pieces of text that arrive interleaved, by the place they belong to."""

    def __init__(self) -> None:
        self._parts: dict[Any, list[str]] = {}
        self._calls: dict[Any, str] = {}

    def add(self, place: Any, text: Any) -> None:
        if isinstance(text, str):
            self._parts.setdefault(place, []).append(text)

    def call(self, place: Any, name: Any) -> None:
        self._parts.setdefault(place, [])
        if name:
            self._calls[place] = str(name)

    def texts(self) -> Iterable[str]:
        for place, parts in self._parts.items():
            text = "".join(parts)
            yield _call(self._calls[place], text) if place in self._calls else text


def _call(name: Any, arguments: Any) -> str:
    """Arguments as compact JSON with sorted keys, so that spelling alone makes no difference."""
    try:
        decoded = msgspec.json.decode(arguments) if isinstance(arguments, str) and arguments else arguments
    except msgspec.DecodeError:
        decoded = arguments
    return f"[call {name} {msgspec.json.encode(decoded, order='sorted').decode()}]"


def _parts(content: Any) -> Iterable[str]:
    """A message's content: text, or a list of parts."""
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        match part:
            case {"type": "tool_use", "name": name, **rest}:
                yield _call(name, rest.get("input"))
            case {"text": str(text)} | {"refusal": str(text)}:
                yield text


def _whole_chat(told: list[Any]) -> Iterable[str]:
    for choice in told[0]["choices"]:
        message = choice.get("message") or {}
        yield from _parts(message.get("content"))
        yield message.get("refusal") or ""
        for call in message.get("tool_calls") or ():
            asked = call.get("function") or call.get("custom") or {}
            yield _call(asked.get("name"), asked.get("arguments", asked.get("input")))


def _whole_completion(told: list[Any]) -> Iterable[str]:
    return [choice.get("text") or "" for choice in told[0]["choices"]]


def _whole_message(told: list[Any]) -> Iterable[str]:
    return _parts(told[0]["content"])


def _whole_response(told: list[Any]) -> Iterable[str]:
    for item in told[0]["output"]:
        if str(item.get("type", "")).endswith("_call"):
            yield _call(item.get("name"), item.get("arguments", item.get("input")))
        elif item.get("type") == "message":
            yield from _parts(item.get("content"))


def _streamed_chat(told: list[Any]) -> Iterable[str]:
    blocks = _Blocks()
    for chunk in told:
        for choice in chunk.get("choices") or ():
            index, delta = choice.get("index", 0), choice.get("delta") or {}
            blocks.add((index, "text"), delta.get("content"))
            blocks.add((index, "refusal"), delta.get("refusal"))
            for call in delta.get("tool_calls") or ():
                asked, place = call.get("function") or {}, (index, call.get("index", 0))
                blocks.call(place, asked.get("name"))
                blocks.add(place, asked.get("arguments"))
    return blocks.texts()


def _streamed_completion(told: list[Any]) -> Iterable[str]:
    blocks = _Blocks()
    for chunk in told:
        for choice in chunk.get("choices") or ():
            blocks.add(choice.get("index", 0), choice.get("text"))
    return blocks.texts()


def _streamed_message(told: list[Any]) -> Iterable[str]:
    blocks = _Blocks()
    for event in told:
        match event:
            case {"type": "content_block_start", "index": index, "content_block": {"type": "tool_use", "name": name}}:
                blocks.call(index, name)
            case {"type": "content_block_start", "index": index, "content_block": {"text": text}}:
                blocks.add(index, text)
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                blocks.add(index, delta.get("text"))
                blocks.add(index, delta.get("partial_json"))
    return blocks.texts()


def _streamed_response(told: list[Any]) -> Iterable[str]:
    """The last event repeats the whole response; without it, the deltas have to do."""
    for event in reversed(told):
        if event.get("type") in {"response.completed", "response.incomplete"}:
            return _whole_response([event["response"]])
    blocks = _Blocks()
    for event in told:
        if str(event.get("type", "")).endswith(("output_text.delta", "refusal.delta")):
            blocks.add(event.get("output_index", 0), event.get("delta"))
    return blocks.texts()


_Reader = Callable[[list[Any]], Iterable[str]]
_WHOLE: dict[Kind, _Reader] = {
    Kind.CHAT: _whole_chat,
    Kind.COMPLETIONS: _whole_completion,
    Kind.RESPONSES: _whole_response,
    Kind.MESSAGES: _whole_message,
}
_STREAMED: dict[Kind, _Reader] = {
    Kind.CHAT: _streamed_chat,
    Kind.COMPLETIONS: _streamed_completion,
    Kind.RESPONSES: _streamed_response,
    Kind.MESSAGES: _streamed_message,
}
