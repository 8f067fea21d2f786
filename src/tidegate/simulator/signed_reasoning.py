"""Reasoning that its maker signs, and histories that bring it back: what another one has signed is refused, as vendors do.

Source: Anthropic's "Extended thinking" (thinking blocks must be passed back unmodified; a last assistant turn that calls
tools must start with one), OpenAI's "Reasoning models" (encrypted reasoning items).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from tidegate.simulator.ask import Ask
from tidegate.simulator.rejection import Rejection

_UNSIGNED = "c2ltdWxhdGVk"


def signature_of(key: str, thought: str) -> str:
    """What the holder of ``key`` signs a thought with; without a key the same for every thought."""
    return b64encode(sha256(f"{key}\0{thought}".encode()).digest()).decode() if key else _UNSIGNED


def check_history(ask: Ask, key: str) -> None:
    """Hold a history against ``key``; without one everything is taken.

    Raises:
        Rejection: reasoning that was signed otherwise, or a tool turn that lacks the thinking it needs.
    """
    if not key:
        return
    for where, thought, signature in _signed(ask):
        if signature != signature_of(key, thought):
            code = "invalid_encrypted_content" if ask.kind == "responses" else ""
            raise Rejection(400, f"{where}: Invalid `signature` in `thinking` block", code=code)
    if ask.kind == "messages":
        _check_last_turn(ask.body)


def _signed(ask: Ask) -> Iterator[tuple[str, str, Any]]:
    """Where it stands, the thought, and its signature."""
    if ask.kind == "responses":
        history = ask.body["input"] if isinstance(ask.body["input"], list) else []
        for place, item in enumerate(history):
            if item.get("type") == "reasoning":
                yield f"input[{place}]", item["summary"][0]["text"], item.get("encrypted_content")
        return
    for place, message in enumerate(ask.body.get("messages", ())):
        parts = message.get("reasoning_details") if ask.kind == "chat" else message["content"]
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            if part.get("type") in {"thinking", "reasoning.text"}:
                yield f"messages.{place}.content.{index}", part.get("thinking", part.get("text")), part.get("signature")


def _check_last_turn(body: dict[str, Any]) -> None:
    last = next((message for message in reversed(body["messages"]) if message["role"] == "assistant"), None)
    types = [part["type"] for part in last["content"]] if last and isinstance(last["content"], list) else []
    is_enabled = (body.get("thinking") or {}).get("type") == "enabled"
    if is_enabled and "tool_use" in types and types[0] != "thinking":
        raise Rejection(400, f"Expected `thinking` or `redacted_thinking`, but found `{types[0]}`.")
