"""Structured output across the dialects.

Towards Anthropic, ``response_format`` becomes a tool that the model must call, and the tool's input comes
back as the answer's text, streamed or not. Unlike ``output_config.format`` this works with every model and
server that speaks the dialect, and takes schemas with optional fields. Two exceptions:

* with other tools on offer the model must call *some* tool: one of the client's, or this one to answer;
* with thinking switched on Anthropic forbids forcing a tool, so ``output_config.format`` is sent;
  ``json_object``, which has no schema to send there, then leaves the output tool to the model's choice.

Towards OpenAI, ``output_config.format`` (or the older ``output_format``) becomes
``response_format: json_schema``; the answer is text in both dialects, so nothing is unwrapped.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.translate.tools import is_strict_schema, object_schema

OUTPUT_TOOL: Final = "tidegate_json_output"
"""Name of the tool whose input is the answer."""

_DESCRIPTION = "Give the final answer by calling this tool; its input is the whole answer."


class OutputShape(msgspec.Struct, frozen=True):
    """What the client demands of the answer's text.

    Attributes:
        schema: a JSON schema with an object at its root; ``None`` for "any JSON object".
        description: the client's words on what the schema is for.
    """

    schema: dict[str, Any] | None
    description: str = ""


def read_output_shape(response_format: Any) -> OutputShape | None:
    """OpenAI's ``response_format``; ``None`` for plain text.

    Raises:
        MalformedBodyError: an unknown type (``grammar``, ``regex`` ...) or a schema that is no object's.
    """
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return OutputShape(None)
        case {"type": "json_schema", "json_schema": dict(wrapper)}:
            schema = object_schema(wrapper.get("schema"), "response_format.json_schema.schema")
            description = wrapper.get("description")
            return OutputShape(schema, description if isinstance(description, str) else "")
    raise MalformedBodyError("must be of type text, json_object or json_schema", where="response_format")


def demand_output(request: dict[str, Any], shape: OutputShape) -> bool:
    """Make the Anthropic ``request`` answer in ``shape``; whether the output tool is on offer now."""
    is_thinking = isinstance(thinking := request.get("thinking"), dict) and thinking.get("type") != "disabled"
    if is_thinking and shape.schema is not None:
        request["output_config"] = {"format": {"type": "json_schema", "schema": shape.schema}}
        return False
    choice = request.get("tool_choice") or {}
    if choice.get("type") == "tool":
        return False  # the client wants a tool of its own called now, not an answer
    tools = request.get("tools", [])
    may_call_others = bool(tools) and choice.get("type") != "none"
    request["tools"] = [*tools, _output_tool(shape)]
    request["tool_choice"] = _demanding_choice(choice, may_call_others=may_call_others, is_thinking=is_thinking)
    return True


def _demanding_choice(choice: dict[str, Any], *, may_call_others: bool, is_thinking: bool) -> dict[str, Any]:
    if is_thinking:
        return {"type": "auto"}
    if may_call_others:
        return {"type": "any"} | (
            {"disable_parallel_tool_use": True} if choice.get("disable_parallel_tool_use") else {}
        )
    return {"type": "tool", "name": OUTPUT_TOOL, "disable_parallel_tool_use": True}


def _output_tool(shape: OutputShape) -> dict[str, Any]:
    return {
        "name": OUTPUT_TOOL,
        "description": f"{_DESCRIPTION} {shape.description}".rstrip(),
        "input_schema": shape.schema or {"type": "object", "additionalProperties": True},
    }


def response_format(request: dict[str, Any]) -> dict[str, Any] | None:
    """OpenAI's ``response_format`` for an Anthropic ``request``; ``None`` for plain text.

    ``strict`` is set when OpenAI's strict mode takes the schema.

    Raises:
        MalformedBodyError: a format that is not ``json_schema``.
    """
    config = request.get("output_config")
    form = config.get("format") if isinstance(config, dict) else None
    match form if form is not None else request.get("output_format"):
        case None:
            return None
        case {"type": "json_schema", "schema": dict(schema)}:
            wrapper = {"name": "output", "schema": schema, "strict": is_strict_schema(schema)}
            return {"type": "json_schema", "json_schema": wrapper}
    raise MalformedBodyError("must be of type json_schema with a `schema`", where="output_config.format")
