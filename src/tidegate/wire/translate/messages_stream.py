"""An OpenAI chat stream as Anthropic events."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from tidegate.wire.kinds import Kind
from tidegate.wire.translate.block_sequence import BlockSequence, messages_event
from tidegate.wire.translate.reasons import refusal_details, stop_reason
from tidegate.wire.translate.relay import TranslatingRelay
from tidegate.wire.translate.shapes import ChatMessage, Choice, ToolCall, decode_chat_reply, messages_usage
from tidegate.wire.translate.tools import ToolNames, json_text, safe_call_id
from tidegate.wire.usage import read_openai_usage

_PING: Final = messages_event("ping", {})


class MessagesStream(TranslatingRelay):
    """``message_start``, blocks, ``message_delta`` with the final usage, ``message_stop``.

    The last two wait for ``[DONE]`` or the end of the body, since usage may come after the finish reason.
    """

    kind: ClassVar[Kind] = Kind.MESSAGES

    def __init__(self, *, names: ToolNames, stop_sequences: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names
        self._stop_sequences = stop_sequences
        self._sequence = BlockSequence()
        self._is_started = False
        self._finish = ""
        self._stop_sequence: str | None = None
        self._refusal: list[str] = []

    def _translate(self, data: bytes) -> bytes:
        if data.strip() == b"[DONE]":
            return self._close() if self.is_complete else self._await_end()
        reply = decode_chat_reply(data)
        if reply.error or reply.object == "error":
            return self._report(reply.error or msgspec.json.decode(data))
        if reply.usage:
            self.usage = read_openai_usage(reply.usage) or self.usage
        self.model = self.model or reply.model or ""
        out = self._start(reply.id or "")
        for choice in reply.choices or []:
            if not choice.index:  # a second choice was never asked for
                out += self._on_choice(choice)
        return out

    def _start(self, reply_id: str) -> bytes:
        if self._is_started:
            return b""
        self._is_started = True
        message = {"id": f"msg_{reply_id}", "type": "message", "role": "assistant", "model": self.model, "content": []}
        ending = {"stop_reason": None, "stop_sequence": None, "usage": messages_usage(self.usage)}
        return messages_event("message_start", {"message": message | ending})

    def _on_choice(self, choice: Choice) -> bytes:
        delta = choice.delta or choice.message  # a server that ignores `stream` sends whole messages
        out = self._on_delta(delta) if delta is not None else b""
        if choice.finish_reason and not self._finish:
            self._finish = choice.finish_reason
            self.is_complete = True
            self.is_filtered = choice.finish_reason == "content_filter"
            if choice.stop_reason in self._stop_sequences:
                self._stop_sequence = choice.stop_reason
            self.finish_reason = self._reason()
        return out

    def _on_delta(self, delta: ChatMessage) -> bytes:
        out = b""
        if delta.has_reasoning:
            out += self._drop_reasoning()
        if text := delta.text:
            self._content()
            out += self._sequence.text(text)
        if delta.refusal:
            self._content()
            self.is_refused = True
            self._refusal.append(delta.refusal)
            out += self._sequence.text(delta.refusal)
        for call in delta.tool_calls or []:
            out += self._on_call(call)
        return out

    def _on_call(self, call: ToolCall) -> bytes:
        name = (call.function and call.function.name) or ""
        arguments = json_text(call.function.arguments) if call.function else ""
        if name or arguments:
            self._content()
        call_id = safe_call_id(call.id or "")
        return self._sequence.fragment(call.index or 0, call_id, self._names.restore(name), arguments)

    def _reason(self) -> str:
        return stop_reason(
            self._finish,
            has_tool_use=self._sequence.has_calls,
            is_refused=self.is_refused,
            stop_sequence=self._stop_sequence,
        )

    def _terminator(self) -> bytes:
        out = self._start("") + self._sequence.finish()
        self.malformed_events += self._sequence.lost_fragments
        self.finish_reason = self._reason()
        delta: dict[str, Any] = {"stop_reason": self.finish_reason, "stop_sequence": self._stop_sequence}
        if self.finish_reason == "refusal":
            delta["stop_details"] = refusal_details("".join(self._refusal))
        usage = messages_usage(self.usage)
        return (
            out + messages_event("message_delta", {"delta": delta, "usage": usage}) + messages_event("message_stop", {})
        )

    def _keepalive(self) -> bytes:
        return _PING
