"""The parts of upstream answers that translation reads, as decoders: what has another shape is malformed."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tidegate.wire.usage import Usage


class Block(msgspec.Struct):
    """An Anthropic content block."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None


class StopDetails(msgspec.Struct):
    """Why a refusal happened."""

    explanation: str | None = None


class Message(msgspec.Struct):
    """An Anthropic message: a whole answer, or the head of a streamed one."""

    id: str = ""
    model: str = ""
    content: list[Block] = []
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Any = None


class WholeMessage(Message, kw_only=True):
    """A non-streamed answer; anything but ``type: message`` with content is not one."""

    type: Literal["message"]
    content: list[Block]


class MessageDelta(msgspec.Struct):
    """``delta`` of ``content_block_delta`` and ``message_delta``."""

    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class MessagesEvent(msgspec.Struct):
    """One event of an Anthropic stream."""

    type: str
    index: int = 0
    message: Message | None = None
    content_block: Block | None = None
    delta: MessageDelta | None = None
    usage: Any = None
    error: Any = None


class Function(msgspec.Struct):
    """Name and arguments of a call, or fragments of them."""

    name: str | None = None
    arguments: Any = None


class ToolCall(msgspec.Struct):
    """An OpenAI tool call, or a fragment of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class ChatMessage(msgspec.Struct):
    """``message`` or ``delta`` of a choice; reasoning goes by two names."""

    content: Any = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    reasoning_content: Any = None
    reasoning: Any = None

    @property
    def text(self) -> str:
        """The visible text; some servers send a list of parts."""
        if isinstance(self.content, str):
            return self.content
        parts = self.content if isinstance(self.content, list) else []
        return "".join(
            part["text"]
            for part in parts
            if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
        )

    @property
    def has_reasoning(self) -> bool:
        """Reasoning text is there, under either name."""
        return bool(self.reasoning_content or self.reasoning)


class Choice(msgspec.Struct):
    """One choice; ``stop_reason`` is vLLM's, a matched sequence or a token id."""

    index: int | None = 0
    message: ChatMessage | None = None
    delta: ChatMessage | None = None
    finish_reason: str | None = None
    stop_reason: Any = None


class ChatReply(msgspec.Struct):
    """A chat completion or one chunk of it."""

    choices: list[Choice] | None = None
    object: Any = None
    id: Any = None
    model: str | None = None
    usage: Any = None
    error: Any = None


decode_message = msgspec.json.Decoder(WholeMessage).decode
decode_messages_event = msgspec.json.Decoder(MessagesEvent).decode
decode_chat_reply = msgspec.json.Decoder(ChatReply).decode


def chat_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's ``usage`` object; an untold total is 0, an untold detail is left out."""
    read, written = max(usage.input_tokens, 0), max(usage.output_tokens, 0)
    report: dict[str, Any] = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    if usage.cached_tokens >= 0:
        report["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens >= 0:
        report["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return report


def messages_usage(usage: Usage | None) -> dict[str, int]:
    """Anthropic's ``usage`` object, whose ``input_tokens`` leave out what the cache served."""
    known = usage or Usage()
    cached = max(known.cached_tokens, 0)
    report = {"input_tokens": max(known.input_tokens - cached, 0), "output_tokens": max(known.output_tokens, 0)}
    return report | ({"cache_read_input_tokens": cached} if known.cached_tokens >= 0 else {})
