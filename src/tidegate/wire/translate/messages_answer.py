"""A whole OpenAI chat completion as an Anthropic message."""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.wire.answer import Answer
from tidegate.wire.dialect_errors import error_body
from tidegate.wire.translate.reasons import refusal_details, stop_reason
from tidegate.wire.translate.shapes import ChatMessage, ChatReply, Choice, decode_chat_reply, messages_usage
from tidegate.wire.translate.tools import ToolNames, input_of, safe_call_id
from tidegate.wire.usage import read_openai_usage


def messages_answer(body: bytes, *, names: ToolNames, stop_sequences: tuple[str, ...]) -> Answer:
    """Translate a 2xx reply; one that is no completion becomes an error body and ``is_whole = False``."""
    try:
        reply = decode_chat_reply(body)
        choice = next(iter(reply.choices or []), Choice())
        if choice.message is not None:
            return _answer(reply, choice, choice.message, names, stop_sequences)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # the same as an answer without a message
    broken = error_body("anthropic", 502, "malformed_answer", "the upstream's answer is not a chat completion")
    return Answer(body=broken, is_whole=False)


def _answer(
    reply: ChatReply, choice: Choice, spoken: ChatMessage, names: ToolNames, stop_sequences: tuple[str, ...]
) -> Answer:
    content = _content(spoken, names)
    sequence = choice.stop_reason if choice.stop_reason in stop_sequences else None
    is_refused = bool(spoken.refusal)
    has_tool_use = any(block["type"] == "tool_use" for block in content)
    reason = stop_reason(
        choice.finish_reason or "", has_tool_use=has_tool_use, is_refused=is_refused, stop_sequence=sequence
    )
    usage = read_openai_usage(reply.usage)
    message: dict[str, Any] = {
        "id": f"msg_{reply.id or ''}",
        "type": "message",
        "role": "assistant",
        "model": reply.model or "",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": messages_usage(usage),
    }
    if reason == "refusal":
        message["stop_details"] = refusal_details(spoken.refusal or "")
    return Answer(
        body=msgspec.json.encode(message),
        usage=usage,
        finish_reason=reason,
        model=reply.model or "",
        is_refused=is_refused,
        is_filtered=choice.finish_reason == "content_filter",
    )


def _content(spoken: ChatMessage, names: ToolNames) -> list[dict[str, Any]]:
    """Text, refusal, tool calls; reasoning stays behind."""
    content: list[dict[str, Any]] = [{"type": "text", "text": text} for text in (spoken.text, spoken.refusal) if text]
    for index, call in enumerate(spoken.tool_calls or []):
        if call.function is None or not call.function.name:
            continue
        content.append(
            {
                "type": "tool_use",
                "id": safe_call_id(call.id or f"call_{index}"),
                "name": names.restore(call.function.name),
                "input": input_of(call.function.arguments),
            }
        )
    return content
