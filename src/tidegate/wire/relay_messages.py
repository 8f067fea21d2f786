"""Streams of ``/v1/messages``."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from tidegate.wire.kinds import Kind
from tidegate.wire.relay import EventRelay
from tidegate.wire.usage import read_anthropic_usage

STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_TEXT_BLOCKS = frozenset({"text", "thinking"})


class _Delta(msgspec.Struct, gc=False):
    type: str | None = None
    text: Any = None
    thinking: Any = None
    stop_reason: str | None = None


class _Block(msgspec.Struct, gc=False):
    type: str | None = None
    text: Any = None
    thinking: Any = None


class _Message(msgspec.Struct, gc=False):
    model: str | None = None
    usage: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Any = None
    error: Any = None


_EVENT = msgspec.json.Decoder(_Event).decode


class MessagesRelay(EventRelay):
    """Follows the events of one Anthropic message."""

    __slots__ = ()
    kind: ClassVar[Kind] = Kind.MESSAGES

    def _follow(self, data: bytes, block: bytes) -> bytes:
        try:
            event = _EVENT(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._malformed(data, block)
        kind = event.type
        if kind == "content_block_delta":
            if event.delta is not None and _is_content(event.delta):
                self.has_content = True
                self.content_events += 1
        elif kind == "content_block_start":
            if event.content_block is not None and _starts_content(event.content_block):
                self._content()
        elif kind == "message_delta":
            self._follow_message_delta(event)
        elif kind == "message_start" and event.message is not None:
            self.model = event.message.model or self.model
            self.usage = read_anthropic_usage(event.message.usage, self.usage)
        elif kind == "message_stop":
            self.is_complete = True
            self._is_closed = True
        elif kind == "error" or event.error:
            return self._fail(event.error, block)
        return block

    def _follow_message_delta(self, event: _Event) -> None:
        self.usage = read_anthropic_usage(event.usage, self.usage)
        reason = event.delta.stop_reason if event.delta is not None else None
        if reason:
            self.finish_reason = reason
            self.is_refused = reason == "refusal"
            self.is_complete = True

    def _terminator(self) -> bytes:
        return STOP


def _is_content(delta: _Delta) -> bool:
    """Text and thinking count when they are not empty; JSON fragments, citations, signatures always."""
    if delta.type == "text_delta":
        return bool(delta.text)
    if delta.type == "thinking_delta":
        return bool(delta.thinking)
    return delta.type is not None


def _starts_content(block: _Block) -> bool:
    """A tool call is content from its name on; text and thinking blocks start empty."""
    return bool(block.text or block.thinking) if block.type in _TEXT_BLOCKS else block.type is not None
