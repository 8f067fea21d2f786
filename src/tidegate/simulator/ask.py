"""What a request asks of a model, read from either dialect into one shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from tidegate.simulator.rejection import Dialect, Rejection

Kind = Literal["chat", "completions", "embeddings", "responses", "messages", "count_tokens"]

PATHS: dict[str, Kind] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
}

_TOKEN = re.compile(r"\s*\w+|\s*[^\w\s]+|\s+$")


def split_tokens(text: str) -> list[str]:
    """Cut a text into the simulator's tokens: words and runs of punctuation with the space before them."""
    return _TOKEN.findall(text)


def dialect_of(kind: Kind) -> Dialect:
    """The dialect a kind of request belongs to."""
    return "anthropic" if kind in ("messages", "count_tokens") else "openai"


class Tool(msgspec.Struct, frozen=True):
    """A tool the client offers, with the JSON schema of its arguments."""

    name: str
    schema: dict[str, Any]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request for an answer."""

    kind: Kind
    body: dict[str, Any]
    model: str
    system: str
    user: str
    """The text of the last user message."""
    prompt_tokens: int
    is_stream: bool = False
    has_usage_wish: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """``auto``, ``none``, ``required`` or the name of the tool to call."""
    has_tool_result: bool = False
    """The conversation ends with a tool's result: time to answer, not to call again."""
    schema: dict[str, Any] | None = None
    is_json_wanted: bool = False
    choices: int = 1
    max_tokens: int | None = None
    has_logprobs_wish: bool = False


def read_ask(kind: Kind, raw: bytes) -> Ask:
    """Read a request body.

    Raises:
        Rejection: not JSON, or a field missing or of the wrong type.
    """
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejection(400, f"The request body is not valid JSON: {error}.") from None
    if not isinstance(body, dict):
        raise Rejection(400, "The request body must be a JSON object.")
    _require(body, "model", str)
    for field in _REQUIRED[kind]:
        _require(body, *field)
    try:
        return _READERS[kind](kind, body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Rejection(400, f"The request has a field of an unexpected shape: {error!r}.") from None


def _require(body: dict[str, Any], name: str, types: type | tuple[type, ...]) -> None:
    value = body.get(name)
    if not isinstance(value, types) or (isinstance(value, list) and not value):
        problem = "is missing" if name not in body else "has the wrong type or is empty"
        raise Rejection(400, f"{name}: the field {problem}.", param=name)


_REQUIRED: dict[Kind, tuple[tuple[str, type | tuple[type, ...]], ...]] = {
    "chat": (("messages", list),),
    "completions": (("prompt", (str, list)),),
    "embeddings": (("input", (str, list)),),
    "responses": (("input", (str, list)),),
    "messages": (("messages", list), ("max_tokens", int)),
    "count_tokens": (("messages", list),),
}


def text_of(content: Any) -> str:
    """All text in a message's content, whichever of the dialects' forms it has."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(text_of(part) for part in content)
    if isinstance(content, dict):
        return text_of(content.get("text") or content.get("content") or content.get("output") or "")
    return ""


def _read_chat(kind: Kind, body: dict[str, Any]) -> Ask:
    messages = body["messages"]
    choice = body.get("tool_choice") or "auto"
    form = body.get("response_format") or {}
    return Ask(
        kind=kind,
        body=body,
        model=body["model"],
        system="\n".join(text_of(m["content"]) for m in messages if m["role"] in ("system", "developer")),
        user=_last_user(messages),
        prompt_tokens=_count(messages),
        is_stream=bool(body.get("stream")),
        has_usage_wish=bool((body.get("stream_options") or {}).get("include_usage")),
        tools=tuple(
            Tool(tool["function"]["name"], tool["function"].get("parameters") or {})
            for tool in body.get("tools") or ()
            if tool["type"] == "function"
        ),
        tool_choice=choice if isinstance(choice, str) else choice["function"]["name"],
        has_tool_result=messages[-1]["role"] == "tool",
        schema=form["json_schema"].get("schema", {}) if form.get("type") == "json_schema" else None,
        is_json_wanted=form.get("type") == "json_object",
        choices=_positive(body.get("n"), "n") or 1,
        has_logprobs_wish=body.get("logprobs") is True,
        max_tokens=_positive(body.get("max_completion_tokens") or body.get("max_tokens"), "max_tokens"),
    )


def _read_completions(kind: Kind, body: dict[str, Any]) -> Ask:
    prompt = body["prompt"] if isinstance(body["prompt"], str) else text_of(body["prompt"])
    return Ask(
        kind=kind,
        body=body,
        model=body["model"],
        system="",
        user=prompt,
        prompt_tokens=len(split_tokens(prompt)),
        is_stream=bool(body.get("stream")),
        has_usage_wish=bool((body.get("stream_options") or {}).get("include_usage")),
        choices=_positive(body.get("n"), "n") or 1,
        max_tokens=_positive(body.get("max_tokens"), "max_tokens"),
        has_logprobs_wish=isinstance(body.get("logprobs"), int),
    )


def _read_embeddings(kind: Kind, body: dict[str, Any]) -> Ask:
    text = text_of(body["input"])
    return Ask(kind=kind, body=body, model=body["model"], system="", user=text, prompt_tokens=len(split_tokens(text)))


def _read_responses(kind: Kind, body: dict[str, Any]) -> Ask:
    given = body["input"]
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    instructions = [body["instructions"]] if body.get("instructions") else []
    systems = [text_of(m["content"]) for m in messages if m.get("role") in ("system", "developer")]
    form = (body.get("text") or {}).get("format") or {}
    choice = body.get("tool_choice") or "auto"
    return Ask(
        kind=kind,
        body=body,
        model=body["model"],
        system="\n".join([*instructions, *systems]),
        user=_last_user(messages),
        prompt_tokens=_count(messages) + sum(len(split_tokens(text)) for text in instructions),
        is_stream=bool(body.get("stream")),
        has_usage_wish=True,
        tools=tuple(
            Tool(tool["name"], tool.get("parameters") or {})
            for tool in body.get("tools") or ()
            if tool["type"] == "function"
        ),
        tool_choice=choice if isinstance(choice, str) else choice["name"],
        has_tool_result=messages[-1].get("type") == "function_call_output",
        schema=form.get("schema", {}) if form.get("type") == "json_schema" else None,
        is_json_wanted=form.get("type") == "json_object",
        max_tokens=_positive(body.get("max_output_tokens"), "max_output_tokens"),
    )


def _read_messages(kind: Kind, body: dict[str, Any]) -> Ask:
    messages = body["messages"]
    system = text_of(body.get("system"))
    choice = body.get("tool_choice") or {"type": "auto"}
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    last = messages[-1]["content"]
    return Ask(
        kind=kind,
        body=body,
        model=body["model"],
        system=system,
        user=_last_user(messages),
        prompt_tokens=_count(messages) + len(split_tokens(system)),
        is_stream=kind == "messages" and bool(body.get("stream")),
        has_usage_wish=True,
        tools=tuple(
            Tool(tool["name"], tool["input_schema"]) for tool in body.get("tools") or () if "input_schema" in tool
        ),
        tool_choice=choice["name"] if choice["type"] == "tool" else choice["type"].replace("any", "required"),
        has_tool_result=isinstance(last, list) and any(part.get("type") == "tool_result" for part in last),
        schema=form.get("schema", {}) if form.get("type") == "json_schema" else None,
        max_tokens=_positive(body.get("max_tokens"), "max_tokens"),
    )


_READERS = {
    "chat": _read_chat,
    "completions": _read_completions,
    "embeddings": _read_embeddings,
    "responses": _read_responses,
    "messages": _read_messages,
    "count_tokens": _read_messages,
}


def _last_user(messages: list[dict[str, Any]]) -> str:
    return next((text_of(m["content"]) for m in reversed(messages) if m.get("role") == "user"), "")


def _texts(messages: list[dict[str, Any]]) -> Iterator[str]:
    return (text_of(message) for message in messages)


def _count(messages: list[dict[str, Any]]) -> int:
    return sum(len(split_tokens(text)) for text in _texts(messages))


def _positive(value: Any, name: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or value < 1:
        raise Rejection(400, f"{name}: must be a whole number from 1 up, not {value!r}.", param=name)
    return value
