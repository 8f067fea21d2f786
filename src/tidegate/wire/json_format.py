"""Does a whole answer keep the form that was asked for? JSON where JSON was wanted, and arguments that are JSON.

Only the syntax is looked at, which costs one scan; whether a value fits its schema is not. Streams are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind

UNKNOWN, BROKEN, KEPT = -1, 0, 1


class _Format(msgspec.Struct):
    type: str = ""


class _Text(msgspec.Struct):
    format: _Format | None = None


class _Function(msgspec.Struct):
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: Any = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] = []


class _Item(msgspec.Struct):
    content: Any = None
    arguments: str | None = None


class _Response(msgspec.Struct):
    output: list[_Item] = []


class _AnthropicMessage(msgspec.Struct):
    content: Any = None


_FORMAT = msgspec.json.Decoder(_Format | None)
_TEXT = msgspec.json.Decoder(_Text | None)
_COMPLETION = msgspec.json.Decoder(_Completion)
_RESPONSE = msgspec.json.Decoder(_Response)
_MESSAGE = msgspec.json.Decoder(_AnthropicMessage)
_SYNTAX = msgspec.json.Decoder(msgspec.Raw)

_JSON_FORMATS = frozenset({"json_schema", "json_object"})
# Where each endpoint says which form it wants: the field, and whether the format lies one level deeper.
_WHERE: dict[Kind, tuple[tuple[str, bool], ...]] = {
    Kind.CHAT: (("response_format", False),),
    Kind.RESPONSES: (("text", True),),
    Kind.MESSAGES: (("output_format", False), ("output_config", True)),
}
ASKING = frozenset({"tools", *(name for places in _WHERE.values() for name, _ in places)})
"""Fields one of which a request has that asks for a form."""


def wants_json(kind: Kind, request: JsonObject) -> bool:
    """Whether the request asks for an answer that is JSON."""
    for name, is_nested in _WHERE.get(kind, ()):
        raw = request.fields.get(name)
        if raw is None:
            continue
        try:
            text = _TEXT.decode(raw) if is_nested else None
            found = text.format if text else _FORMAT.decode(raw)
        except msgspec.DecodeError:
            continue  # the upstream will say what is wrong with it
        if found is not None and found.type in _JSON_FORMATS:
            return True
    return False


def format_kept(kind: Kind, request: JsonObject, answer: bytes) -> int:
    """:data:`KEPT`, :data:`BROKEN`, or :data:`UNKNOWN` where no form was asked for.

    Args:
        kind: of the endpoint; ``request`` and ``answer`` are in its dialect.
        answer: the whole body.
    """
    if ASKING.isdisjoint(request.fields):
        return UNKNOWN
    is_wanted = wants_json(kind, request)
    if kind not in _WHERE or not (is_wanted or "tools" in request.fields):
        return UNKNOWN
    try:
        pieces = [text for text, is_argument in _pieces(kind, answer) if is_argument or is_wanted]
    except msgspec.DecodeError:
        return UNKNOWN
    if not pieces:
        return UNKNOWN
    return KEPT if all(map(_is_json, pieces)) else BROKEN


def _pieces(kind: Kind, answer: bytes) -> Iterator[tuple[str, bool]]:
    """The texts of an answer, and whether each is the arguments of a call."""
    if kind is Kind.CHAT:
        for choice in _COMPLETION.decode(answer).choices:
            if choice.message is not None:
                yield from _of_message(choice.message)
    elif kind is Kind.RESPONSES:
        for item in _RESPONSE.decode(answer).output:
            if item.arguments is not None:
                yield item.arguments, True
            yield from ((text, False) for text in _texts(item.content))
    else:  # arguments of an Anthropic tool call are values of the body, which is JSON
        yield from ((text, False) for text in _texts(_MESSAGE.decode(answer).content))


def _of_message(message: _Message) -> Iterator[tuple[str, bool]]:
    for call in message.tool_calls or ():
        if call.function is not None and call.function.arguments is not None:
            yield call.function.arguments, True
    if isinstance(message.content, str) and message.content:
        yield message.content, False


def _texts(content: Any) -> Iterator[str]:
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") in {"text", "output_text"} and isinstance(part.get("text"), str):
            yield part["text"]


def _is_json(text: str) -> bool:
    try:
        _SYNTAX.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
