"""A whole Anthropic message as an OpenAI chat completion."""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.wire.answer import Answer
from tidegate.wire.dialect_errors import error_body
from tidegate.wire.translate.reasons import REFUSAL, finish_reason
from tidegate.wire.translate.shapes import Block, WholeMessage, chat_usage, decode_message
from tidegate.wire.translate.structured import OUTPUT_TOOL
from tidegate.wire.translate.tools import arguments_of
from tidegate.wire.usage import Usage, read_anthropic_usage


def chat_answer(body: bytes, *, has_output_tool: bool, created: int) -> Answer:
    """Translate a 2xx reply; one that is no message becomes an error body and ``is_whole = False``."""
    try:
        return _answer(decode_message(body), has_output_tool, created)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        broken = error_body("openai", 502, "malformed_answer", "the upstream's answer is not a message")
        return Answer(body=broken, is_whole=False)


def _answer(message: WholeMessage, has_output_tool: bool, created: int) -> Answer:
    spoken = _spoken(message, has_output_tool)
    reason = finish_reason(message.stop_reason or "", has_tool_calls="tool_calls" in spoken)
    usage = read_anthropic_usage(message.usage)
    choice = {"index": 0, "message": spoken, "logprobs": None, "finish_reason": reason}
    completion = {
        "id": f"chatcmpl-{message.id}",
        "object": "chat.completion",
        "created": created,
        "model": message.model,
        "choices": [choice],
        "usage": chat_usage(usage or Usage()),
    }
    return Answer(
        body=msgspec.json.encode(completion),
        usage=usage,
        finish_reason=reason,
        model=message.model,
        is_refused=message.stop_reason == "refusal",
    )


def _spoken(message: WholeMessage, has_output_tool: bool) -> dict[str, Any]:
    """The assistant's message; the output tool's input takes the place of all text."""
    output = None
    calls: list[dict[str, Any]] = []
    for block in message.content:
        if block.type != "tool_use" or not block.name:
            continue
        if not has_output_tool or block.name != OUTPUT_TOOL:
            calls.append(_call(block, message.id, len(calls)))
        elif output is None:
            output = arguments_of(block.input)
    text = "".join(block.text or "" for block in message.content if block.type == "text")
    spoken: dict[str, Any] = {"role": "assistant", "content": output or text or None, "refusal": None}
    if message.stop_reason == "refusal":
        spoken["refusal"] = (message.stop_details and message.stop_details.explanation) or REFUSAL
    return spoken | ({"tool_calls": calls} if calls else {})


def _call(block: Block, message_id: str, index: int) -> dict[str, Any]:
    function = {"name": block.name, "arguments": arguments_of(block.input)}
    return {"id": block.id or f"call_{message_id}_{index}", "type": "function", "function": function}
