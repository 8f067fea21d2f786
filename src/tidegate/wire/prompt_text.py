"""What a request asked, as text: for keeping and judging, never on a request's path.

It is read leniently: what has an unknown shape is left out, and a body that was cut says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from tidegate.wire.kinds import Kind

_DECODE = msgspec.json.Decoder().decode
_TEXTS = frozenset({"text", "input_text", "output_text"})


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """One message: who said what. Parts that are no text stand in brackets (``[image_url]``)."""

    role: str
    text: str


def read_prompt(kind: Kind, body: bytes) -> tuple[Turn, ...]:
    """The conversation of a client's request body, in its order; empty when it cannot be read."""
    return tuple(turn for turn in _PROMPTS[kind](_document(body)) if turn.text)


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


_PROMPTS: dict[Kind, Callable[[dict[str, Any]], Iterable[Turn]]] = {
    Kind.CHAT: _messages,
    Kind.COMPLETIONS: _plain("prompt"),
    Kind.EMBEDDINGS: _plain("input"),
    Kind.RESPONSES: _response_input,
    Kind.MESSAGES: _messages,
    Kind.COUNT_TOKENS: _messages,
}
