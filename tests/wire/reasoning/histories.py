"""Histories of conversations with reasoning, and what of them would be sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.destination import Destination
from tidegate.wire.reasoning.marks import mark_of
from tidegate.wire.reasoning.returning import returned

OURS, THEIRS = mark_of("https://ours.example"), mark_of("https://theirs.example")
HOME, ABROAD = Destination(OURS, is_home=True), Destination(OURS, is_home=False)
ANYWHERE = pytest.mark.parametrize("to", [HOME, ABROAD], ids=["home", "abroad"])
USER = {"role": "user", "content": "Why?"}


def ours(value: str) -> str:
    return OURS.decode() + value


def theirs(value: str) -> str:
    return THEIRS.decode() + value


def thinking(signature: Any, text: str = "I think") -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature}


def redacted(data: str) -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": data}


def said(text: str = "Because.") -> dict[str, Any]:
    return {"type": "text", "text": text}


def called() -> dict[str, Any]:
    return {"type": "tool_use", "id": "t1", "name": "look", "input": {}}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "42"}]}

THINKS = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
LOOP = (USER, assistant(thinking(theirs("A")), called()), RESULT)
ASKED = {"type": "message", "role": "user", "content": "Why?"}
CALL = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}


def fields_for(kind: Kind, to: Destination, body: dict[str, Any]) -> dict[str, Any]:
    """What would be sent of a client's body."""
    sent = returned(kind, JsonObject.parse(json.dumps(body).encode()), to)
    return {name: json.loads(bytes(raw)) for name, raw in sent.fields.items()}


def messages_for(to: Destination, *messages: dict[str, Any], kind: Kind = Kind.MESSAGES) -> Any:
    return fields_for(kind, to, {"messages": list(messages)})["messages"]


def item(encrypted: str | None) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted}


def spoken(*details: dict[str, Any], **fields: Any) -> dict[str, Any]:
    own = {"reasoning_details": list(details)} if details else {}
    return {"role": "assistant", "content": "Because.", **fields, **own}
