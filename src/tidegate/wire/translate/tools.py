"""Tool definitions, choices, calls and their arguments, between the dialects."""

from __future__ import annotations

import re
from typing import Any, Final
from zlib import crc32

import msgspec

from tidegate.wire.errors import MalformedBodyError

INVALID_JSON: Final = "INVALID_JSON"
"""Key under which arguments that are no JSON object travel in an ``input``, which must be an object."""

LONGEST_NAME: Final = 64
"""Characters OpenAI allows in a tool's name; Anthropic allows 128."""

_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")


class ToolNames:
    """Tool names as the OpenAI upstream knows them; longer ones are shortened and restored in answers."""

    def __init__(self) -> None:
        self._originals: dict[str, str] = {}

    def shorten(self, name: str) -> str:
        """``name``, or 55 characters of it and a checksum when it is longer than OpenAI allows."""
        if len(name) <= LONGEST_NAME:
            return name
        short = f"{name[:55]}_{crc32(name.encode()):08x}"
        self._originals[short] = name
        return short

    def restore(self, name: str) -> str:
        """The client's own name of what the upstream calls ``name``."""
        return self._originals.get(name, name)


def safe_call_id(call_id: str) -> str:
    """``call_id`` in the alphabet Anthropic allows (letters, digits, ``_``, ``-``).

    Deterministic, so a call and its result keep meeting; a checksum keeps different ids apart.
    """
    if not _UNSAFE.search(call_id):
        return call_id
    return f"{_UNSAFE.sub('_', call_id)}_{crc32(call_id.encode()):08x}"


def input_of(arguments: Any) -> dict[str, Any]:
    """A call's ``arguments`` (a JSON string, by models that may get it wrong) as an ``input`` object.

    What is not a JSON object is kept whole under :data:`INVALID_JSON`; nothing counts as ``{}``.
    """
    if isinstance(arguments, dict):
        return arguments
    text = json_text(arguments)
    if not text.strip():
        return {}
    try:
        decoded = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {INVALID_JSON: text}
    return decoded if isinstance(decoded, dict) else {INVALID_JSON: text}


def json_text(arguments: Any) -> str:
    """Arguments as text; some servers send the object itself."""
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()


def arguments_of(tool_input: Any) -> str:
    """An ``input`` object as the JSON string of ``arguments``; the inverse of :func:`input_of`."""
    if (
        isinstance(tool_input, dict)
        and list(tool_input) == [INVALID_JSON]
        and isinstance(tool_input[INVALID_JSON], str)
    ):
        return tool_input[INVALID_JSON]
    return msgspec.json.encode({} if tool_input is None else tool_input).decode()


def messages_tools(tools: Any) -> list[dict[str, Any]]:
    """OpenAI function tools as Anthropic tools.

    ``strict`` is left out: upstreams older than structured outputs reject the field, and the schema
    still guides the model.

    Raises:
        MalformedBodyError: not a list of function tools.
    """
    return [_messages_tool(tool, f"tools.{index}") for index, tool in enumerate(_listed(tools, "tools"))]


def _messages_tool(tool: Any, where: str) -> dict[str, Any]:
    kind = tool.get("type", "function") if isinstance(tool, dict) else None
    function = tool.get("function") if isinstance(tool, dict) else None
    if kind != "function" or not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise MalformedBodyError(
            f"a tool of type {kind!r} cannot go to an Anthropic upstream, use a function with a name", where=where
        )
    translated: dict[str, Any] = {
        "name": function["name"],
        "input_schema": object_schema(function.get("parameters"), f"{where}.function.parameters"),
    }
    if isinstance(function.get("description"), str):
        translated["description"] = function["description"]
    return translated


def object_schema(schema: Any, where: str) -> dict[str, Any]:
    """``schema`` with the ``type: object`` that Anthropic demands at its root.

    Raises:
        MalformedBodyError: the root is something else than an object.
    """
    if schema is None:
        return {"type": "object", "properties": {}}
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise MalformedBodyError("the schema's root must be of type `object`", where=where)
    return {"type": "object"} | schema


def messages_tool_choice(choice: Any, parallel: Any) -> dict[str, Any] | None:
    """OpenAI's ``tool_choice`` and ``parallel_tool_calls`` as one Anthropic ``tool_choice``.

    Raises:
        MalformedBodyError: a choice that is unknown or has no counterpart (``allowed_tools``).
    """
    translated = _messages_choice(choice)
    if parallel is False and (translated is None or translated["type"] != "none"):
        translated = (translated or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    return translated


def _messages_choice(choice: Any) -> dict[str, Any] | None:
    match choice:
        case None:
            return None
        case "auto" | "none":
            return {"type": choice}
        case "required":
            return {"type": "any"}
        case {"type": "function", "function": {"name": str(name)}}:
            return {"type": "tool", "name": name}
    raise MalformedBodyError(
        "this choice has no counterpart at an Anthropic upstream, use auto, none, required or one function",
        where="tool_choice",
    )


def chat_tools(tools: Any, names: ToolNames) -> list[dict[str, Any]]:
    """Anthropic's client tools as OpenAI function tools.

    Raises:
        MalformedBodyError: a tool that the provider itself runs or defines (web search, computer, bash ...).
    """
    return [_chat_tool(tool, names, f"tools.{index}") for index, tool in enumerate(_listed(tools, "tools"))]


def _chat_tool(tool: Any, names: ToolNames, where: str) -> dict[str, Any]:
    kind = (tool.get("type") or "custom") if isinstance(tool, dict) else None
    if kind != "custom" or not isinstance(tool.get("name"), str):
        raise MalformedBodyError(
            f"a tool of type {kind!r} belongs to its provider and cannot go to an OpenAI upstream, use a custom tool",
            where=where,
        )
    schema = tool.get("input_schema")
    function: dict[str, Any] = {
        "name": names.shorten(tool["name"]),
        "parameters": schema if isinstance(schema, dict) else {"type": "object", "properties": {}},
    }
    if isinstance(tool.get("description"), str):
        function["description"] = tool["description"]
    if tool.get("strict") is True and is_strict_schema(schema):
        function["strict"] = True
    return {"type": "function", "function": function}


def chat_tool_choice(choice: Any, names: ToolNames) -> dict[str, Any]:
    """Anthropic's ``tool_choice`` as the OpenAI fields ``tool_choice`` and ``parallel_tool_calls``.

    Raises:
        MalformedBodyError: an unknown choice.
    """
    if choice is None:
        return {}
    fields: dict[str, Any] = {}
    match choice:
        case {"type": "auto" | "none" as kind}:
            fields["tool_choice"] = kind
        case {"type": "any"}:
            fields["tool_choice"] = "required"
        case {"type": "tool", "name": str(name)}:
            fields["tool_choice"] = {"type": "function", "function": {"name": names.shorten(name)}}
        case _:
            raise MalformedBodyError("`tool_choice.type` must be auto, any, tool or none", where="tool_choice")
    if choice.get("disable_parallel_tool_use") is True:
        fields["parallel_tool_calls"] = False
    return fields


def is_strict_schema(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes ``schema``: every object closed, every property required."""
    if isinstance(schema, list):
        return all(is_strict_schema(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        names = set(properties) if isinstance(properties, dict) else set()
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or not isinstance(required, list) or set(required) != names:
            return False
    return all(is_strict_schema(value) for value in schema.values())


def _listed(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedBodyError("must be a list", where=where)
    return value
