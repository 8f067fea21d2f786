"""An Anthropic event stream as OpenAI chat chunks."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from tidegate.wire.kinds import Kind
from tidegate.wire.relay_chat import DONE
from tidegate.wire.translate.reasons import REFUSAL, finish_reason
from tidegate.wire.translate.relay import TranslatingRelay
from tidegate.wire.translate.shapes import Block, MessageDelta, MessagesEvent, chat_usage, decode_messages_event
from tidegate.wire.translate.structured import OUTPUT_TOOL
from tidegate.wire.translate.tools import arguments_of
from tidegate.wire.usage import read_anthropic_usage

_KEEPALIVE: Final = b": keep-alive\n\n"


class _OpenBlock:
    """A content block between its start and its stop.

    Attributes:
        kind: ``text``, ``call``, ``output`` (the input of the output tool) or ``skipped``.
        call: index of the tool call among those the client sees.
        start_input: the input its start event brought; some servers send all of it there.
        has_json: a fragment of input was passed on.
    """

    __slots__ = ("call", "has_json", "kind", "start_input")

    def __init__(self, kind: str, call: int = 0, start_input: Any = None) -> None:
        self.kind = kind
        self.call = call
        self.start_input = start_input
        self.has_json = False


class ChatStream(TranslatingRelay):
    """Role first, then deltas, the finish reason, usage if the client asked for it, ``[DONE]``.

    With an output tool on offer, text waits until it is clear whether the tool answers: its input then is
    the whole content, and words before it are dropped, as they would not be JSON.
    """

    kind: ClassVar[Kind] = Kind.CHAT

    def __init__(self, *, wants_usage: bool, has_output_tool: bool, created: int) -> None:
        super().__init__()
        self._wants_usage = wants_usage
        self._has_output_tool = has_output_tool
        self._created = created
        self._id = ""
        self._has_role = False
        self._blocks: dict[int, _OpenBlock] = {}
        self._calls = 0
        self._has_output = False
        self._held_text: list[str] = []

    def _translate(self, data: bytes) -> bytes:
        event = decode_messages_event(data)
        match event.type:
            case "message_start":
                return self._on_start(event)
            case "content_block_start" if event.content_block is not None:
                return self._on_block(event.index, event.content_block)
            case "content_block_delta" if event.delta is not None:
                return self._on_delta(self._blocks.get(event.index), event.delta)
            case "content_block_stop":
                return self._on_block_stop(self._blocks.pop(event.index, None))
            case "message_delta":
                return self._on_message_delta(event)
            case "message_stop":
                finish = b"" if self.finish_reason else self._finish("end_turn", MessageDelta())
                self.is_complete = True
                return finish + self._close()
            case "ping":
                return _KEEPALIVE
            case "error":
                return self._report(event.error)
        return b""

    def _on_start(self, event: MessagesEvent) -> bytes:
        if event.message is not None:
            self._id = event.message.id
            self.model = event.message.model
            self.usage = read_anthropic_usage(event.message.usage, self.usage)
        return self._role()

    def _on_block(self, index: int, block: Block) -> bytes:
        if block.type == "text":
            self._blocks[index] = _OpenBlock("text")
            return self._text(block.text) if block.text else b""
        if block.type == "tool_use" and block.name:
            return self._on_tool(index, block)
        self._blocks[index] = _OpenBlock("skipped")
        return b""

    def _on_tool(self, index: int, block: Block) -> bytes:
        self._content()
        if self._has_output_tool and block.name == OUTPUT_TOOL:
            self._blocks[index] = _OpenBlock("skipped" if self._has_output else "output", 0, block.input)
            self._has_output = True
            return b""
        opened = self._blocks[index] = _OpenBlock("call", self._calls, block.input)
        self._calls += 1
        function = {"name": block.name, "arguments": ""}
        call = {"index": opened.call, "id": block.id or f"call_{self._id}_{opened.call}", "type": "function"}
        return self._delta({"tool_calls": [call | {"function": function}]})

    def _on_delta(self, block: _OpenBlock | None, delta: MessageDelta) -> bytes:
        if delta.type == "text_delta" and delta.text and (block is None or block.kind == "text"):
            return self._text(delta.text)
        if delta.type == "input_json_delta" and delta.partial_json and block is not None:
            return self._json(block, delta.partial_json)
        if delta.type == "thinking_delta" and delta.thinking:
            return self._drop_reasoning()
        return b""

    def _text(self, text: str) -> bytes:
        self._content()
        if not self._has_output_tool:
            return self._delta({"content": text})
        self._held_text.append(text)
        return b""

    def _json(self, block: _OpenBlock, fragment: str) -> bytes:
        if block.kind not in ("call", "output"):
            return b""
        self._content()
        block.has_json = True
        if block.kind == "output":
            return self._delta({"content": fragment})
        return self._delta({"tool_calls": [{"index": block.call, "function": {"arguments": fragment}}]})

    def _on_block_stop(self, block: _OpenBlock | None) -> bytes:
        """A call without fragments still needs arguments that parse."""
        if block is None or block.has_json:
            return b""
        return self._json(block, arguments_of(block.start_input))

    def _on_message_delta(self, event: MessagesEvent) -> bytes:
        self.usage = read_anthropic_usage(event.usage, self.usage)
        if event.delta is None or not event.delta.stop_reason or self.finish_reason:
            return b""
        return self._finish(event.delta.stop_reason, event.delta)

    def _finish(self, reason: str, delta: MessageDelta) -> bytes:
        out = b""
        if self._held_text and not self._has_output:
            out += self._delta({"content": "".join(self._held_text)})
        if reason == "refusal":
            self.is_refused = True
            details = delta.stop_details
            out += self._delta({"refusal": (details and details.explanation) or REFUSAL})
            self._content()
        self.finish_reason = finish_reason(reason, has_tool_calls=self._calls > 0)
        self.is_complete = True
        return out + self._delta({}, self.finish_reason)

    def _role(self) -> bytes:
        if self._has_role:
            return b""
        self._has_role = True
        return self._delta({"role": "assistant", "content": ""})

    def _delta(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._role() + self._chunk([choice], {"usage": None} if self._wants_usage else {})

    def _chunk(self, choices: list[Any], usage: dict[str, Any]) -> bytes:
        head = {"id": f"chatcmpl-{self._id}", "object": "chat.completion.chunk", "created": self._created}
        return b"data: " + msgspec.json.encode(head | {"model": self.model, "choices": choices} | usage) + b"\n\n"

    def _terminator(self) -> bytes:
        if not self._wants_usage or self.usage is None:
            return DONE
        return self._chunk([], {"usage": chat_usage(self.usage)}) + DONE

    def _keepalive(self) -> bytes:
        return _KEEPALIVE
