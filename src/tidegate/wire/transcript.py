"""What a request asked and what its answer said, as text: for keeping and judging, never on a request's path.

Everything is read leniently: what has an unknown shape is left out, and a body that was cut says nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from tidegate.wire.kinds import Kind
from tidegate.wire.sse import SseDecoder

_DECODE = msgspec.json.Decoder().decode
_TEXTS = frozenset({"text", "input_text", "output_text"})


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """One message: who said what. Parts that are no text stand in brackets (``[image_url]``)."""

    role: str
    text: str


def read_prompt(kind: Kind, body: bytes) -> tuple[Turn, ...]:
    """The conversation of a client's request body, in its order; empty when it cannot be read."""
    return tuple(turn for turn in _PROMPTS[kind](_document(body)) if turn.text)


def read_whole_answer(kind: Kind, body: bytes) -> str:
    """The text of an answer that is not streamed; further choices follow after a line ``[choice N]``."""
    return _joined(list(_ANSWERS[kind](_document(body))))


def read_streamed_answer(kind: Kind, stream: bytes) -> str:
    """The text that the events of a stream add up to; an event that was cut is left out."""
    texts: dict[int, list[str]] = defaultdict(list)
    for event in SseDecoder().feed(stream):
        for index, text in _EVENTS[kind](_document(event.data)):
            texts[index].append(text)
    return _joined(["".join(texts[index]) for index in sorted(texts)])


def _joined(choices: list[str]) -> str:
    return "\n".join(f"[choice {number}]\n{text}" if number else text for number, text in _numbered(choices))


def _numbered(choices: list[str]) -> Iterator[tuple[int, str]]:
    """The first choice without a number, the others with theirs."""
    return ((position + 1 if position else 0, text) for position, text in enumerate(choices))


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = _DECODE(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _each(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    """Text, or parts of it: strings, text parts, tool calls and results; other parts by their type."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, (_text(part) for part in value)))
    return _part(value) if isinstance(value, dict) else ""


def _part(part: dict[str, Any]) -> str:
    kind = part.get("type")
    if kind in _TEXTS or (kind is None and "text" in part):
        return _text(part.get("text"))
    if kind == "refusal":
        return _text(part.get("refusal"))
    if kind == "tool_result":
        return _text(part.get("content"))
    if kind in {"tool_use", "function_call"}:
        return _call(part.get("name"), part.get("input", part.get("arguments")))
    return f"[{kind}]" if isinstance(kind, str) else ""


def _call(name: object, arguments: object) -> str:
    written = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
    return f"[{name}({written})]"


def _chat_text(message: dict[str, Any]) -> str:
    calls = (_function(call) for call in _each(message.get("tool_calls")))
    return "\n".join(filter(None, (_text(message.get("content")), _text(message.get("refusal")), *calls)))


def _function(call: dict[str, Any]) -> str:
    function = call.get("function")
    return _call(function.get("name"), function.get("arguments")) if isinstance(function, dict) else ""


def _messages(document: dict[str, Any]) -> Iterator[Turn]:
    yield Turn("system", _text(document.get("system")))
    for message in _each(document.get("messages")):
        yield Turn(str(message.get("role") or ""), _chat_text(message))


def _plain(name: str) -> Callable[[dict[str, Any]], Iterable[Turn]]:
    return lambda document: (Turn("user", _text(document.get(name))),)


def _response_input(document: dict[str, Any]) -> Iterator[Turn]:
    yield Turn("system", _text(document.get("instructions")))
    asked = document.get("input")
    if isinstance(asked, str):
        yield Turn("user", asked)
    for item in _each(asked):
        content = item.get("content", item.get("output"))
        yield Turn(str(item.get("role") or item.get("type") or ""), _part(item) if content is None else _text(content))


def _choices(document: dict[str, Any]) -> Iterator[str]:
    for choice in _each(document.get("choices")):
        message = choice.get("message")
        yield _chat_text(message) if isinstance(message, dict) else _text(choice.get("text"))


def _content(document: dict[str, Any]) -> Iterator[str]:
    yield _text(document.get("content"))


def _response_output(document: dict[str, Any]) -> Iterator[str]:
    items = _each(document.get("output"))
    yield "\n".join(filter(None, (_text(item["content"]) if "content" in item else _part(item) for item in items)))


def _no_text(_document: dict[str, Any]) -> Iterator[str]:
    return iter(())


def _chat_event(document: dict[str, Any]) -> Iterator[tuple[int, str]]:
    for choice in _each(document.get("choices")):
        index = choice.get("index")
        delta = choice.get("delta")
        text = _delta_text(delta) if isinstance(delta, dict) else _text(choice.get("text"))
        yield index if isinstance(index, int) else 0, text


def _delta_text(delta: dict[str, Any]) -> str:
    """Fragments as they come: the name of a call stands once, before its arguments."""
    fragments = [_text(delta.get("content")), _text(delta.get("refusal"))]
    for call in _each(delta.get("tool_calls")):
        function = call.get("function")
        if isinstance(function, dict):
            fragments += [f"[{function['name']}] " if function.get("name") else "", _text(function.get("arguments"))]
    return "".join(fragments)


def _message_event(document: dict[str, Any]) -> Iterator[tuple[int, str]]:
    delta, block = document.get("delta"), document.get("content_block")
    if isinstance(block, dict) and block.get("type") == "tool_use":
        yield 0, f"[{block.get('name')}] "
    if isinstance(delta, dict):
        yield 0, _text(delta.get("text")) or _text(delta.get("partial_json"))


def _response_event(document: dict[str, Any]) -> Iterator[tuple[int, str]]:
    if document.get("type") in {"response.output_text.delta", "response.refusal.delta"}:
        yield 0, _text(document.get("delta"))


def _no_event(_document: dict[str, Any]) -> Iterator[tuple[int, str]]:
    return iter(())


_PROMPTS: dict[Kind, Callable[[dict[str, Any]], Iterable[Turn]]] = {
    Kind.CHAT: _messages,
    Kind.COMPLETIONS: _plain("prompt"),
    Kind.EMBEDDINGS: _plain("input"),
    Kind.RESPONSES: _response_input,
    Kind.MESSAGES: _messages,
    Kind.COUNT_TOKENS: _messages,
}
_ANSWERS: dict[Kind, Callable[[dict[str, Any]], Iterator[str]]] = {
    Kind.CHAT: _choices,
    Kind.COMPLETIONS: _choices,
    Kind.EMBEDDINGS: _no_text,
    Kind.RESPONSES: _response_output,
    Kind.MESSAGES: _content,
    Kind.COUNT_TOKENS: _no_text,
}
_EVENTS: dict[Kind, Callable[[dict[str, Any]], Iterator[tuple[int, str]]]] = {
    Kind.CHAT: _chat_event,
    Kind.COMPLETIONS: _chat_event,
    Kind.EMBEDDINGS: _no_event,
    Kind.RESPONSES: _response_event,
    Kind.MESSAGES: _message_event,
    Kind.COUNT_TOKENS: _no_event,
}
