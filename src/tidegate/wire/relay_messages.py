"""Streams of ``/v1/messages``."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.marking import DELTA, STARTED_BLOCK, Path, marked_block, places
from tidegate.wire.relay import EventRelay
from tidegate.wire.usage import read_anthropic_usage

STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_TEXT_BLOCKS = frozenset({"text", "thinking"})
_TEXT_DELTAS = frozenset({"text_delta", "thinking_delta", None})
"""Content when they are not empty; JSON fragments, citations and signatures always are."""
_THINKING = frozenset({"thinking", "redacted_thinking"})


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
    """Follows the events of one Anthropic message.

    Args: as of :class:`EventRelay`.
    """

    __slots__ = ("_is_marked",)
    kind: ClassVar[Kind] = Kind.MESSAGES

    def __init__(self, mark: bytes = b"") -> None:
        super().__init__(mark)
        self._is_marked = False  # the block under way: of a signature in several pieces the first is

    def _follow(self, data: bytes, block: bytes) -> bytes:
        try:
            event = _EVENT(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._malformed(data, block)
        kind = event.type
        if kind == "content_block_delta":
            delta = event.delta
            if delta is not None and (delta.text or delta.thinking or delta.type not in _TEXT_DELTAS):
                self.has_content = True
                self.content_events += 1
                if delta.type == "signature_delta":
                    return self._marked(data, block, DELTA)
        elif kind == "content_block_start":
            return self._start(event.content_block, data, block)
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

    def _start(self, started: _Block | None, data: bytes, block: bytes) -> bytes:
        self._is_marked = False
        if started is not None and _starts_content(started):
            self._content()
        is_thinking = started is not None and started.type in _THINKING
        return self._marked(data, block, STARTED_BLOCK) if is_thinking else block

    def _marked(self, data: bytes, block: bytes, path: Path) -> bytes:
        """The event with our mark on its opaque value, if it has one and its block none yet."""
        if self._is_marked or not self._mark:
            return block
        found = places(data, path)
        self._is_marked = bool(found)
        return marked_block(block, data, found, self._mark)

    def _follow_message_delta(self, event: _Event) -> None:
        self.usage = read_anthropic_usage(event.usage, self.usage)
        reason = event.delta.stop_reason if event.delta is not None else None
        if reason:
            self.finish_reason = reason
            self.is_refused = reason == "refusal"
            self.is_complete = True

    def _terminator(self) -> bytes:
        return STOP


def _starts_content(block: _Block) -> bool:
    """A tool call is content from its name on; text and thinking blocks start empty."""
    return bool(block.text or block.thinking) if block.type in _TEXT_BLOCKS else block.type is not None
