"""Streams of ``/v1/responses``."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.marking import ITEM, LAST_ITEMS, Path, marked_block, places
from tidegate.wire.relay import EventRelay
from tidegate.wire.usage import read_openai_usage

_TERMINALS = frozenset({"response.completed", "response.incomplete"})
_PLAIN_ITEMS = frozenset({"message", "reasoning"})
_ITEM_EVENTS = frozenset({"response.output_item.added", "response.output_item.done"})
_ENCRYPTED = b'"encrypted_content"'


class _Item(msgspec.Struct, gc=False):
    type: str | None = None


class _Details(msgspec.Struct, gc=False):
    reason: str | None = None


class _Response(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    usage: Any = None
    error: Any = None
    incomplete_details: _Details | None = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    delta: Any = None
    item: _Item | None = None
    response: _Response | None = None
    error: Any = None
    code: Any = None
    message: Any = None


_EVENT = msgspec.json.Decoder(_Event).decode


class ResponsesRelay(EventRelay):
    """Follows the events of one response."""

    __slots__ = ()
    kind: ClassVar[Kind] = Kind.RESPONSES

    def _follow(self, data: bytes, block: bytes) -> bytes:
        try:
            event = _EVENT(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._follow_undecoded(data, block)
        kind = event.type or ""
        if event.delta and kind.endswith(".delta"):
            self.has_content = True
            self.content_events += 1
            if kind == "response.refusal.delta":
                self.is_refused = True
        elif kind in _ITEM_EVENTS:
            if event.item is not None and event.item.type == "reasoning":
                return self._marked(data, block, ITEM)
            if event.item is not None and event.item.type not in _PLAIN_ITEMS and kind.endswith(".added"):
                self._content()  # a tool call is content from its name on
        elif kind in {"response.failed", "error"} or event.error:
            return self._fail(self._told(event), block)
        elif event.response is not None:
            self._follow_response(kind, event.response)
            return self._marked(data, block, LAST_ITEMS)
        return block

    def _marked(self, data: bytes, block: bytes, path: Path) -> bytes:
        """The event with our mark on encrypted reasoning, if it has any."""
        if _ENCRYPTED not in data or not self._mark:
            return block
        return marked_block(block, data, places(data, path), self._mark)

    def _follow_response(self, kind: str, response: _Response) -> None:
        self.model = response.model or self.model
        self.answer_id = response.id or self.answer_id
        self.usage = read_openai_usage(response.usage) or self.usage
        if kind in _TERMINALS:
            details = response.incomplete_details
            self.finish_reason = (details.reason if details is not None else None) or response.status or kind[9:]
            self.is_filtered = self.finish_reason == "content_filter"
            self.is_complete = True
            self._is_closed = True

    def _follow_undecoded(self, data: bytes, block: bytes) -> bytes:
        """Some servers end with chat's terminator; it says nothing here."""
        return block if data.strip() == b"[DONE]" else self._malformed(data, block)

    @staticmethod
    def _told(event: _Event) -> Any:
        """The error object, wherever this event keeps it."""
        if event.response is not None and event.response.error:
            return event.response.error
        return event.error or {"code": event.code, "message": event.message}

    def _terminator(self) -> bytes:
        return b""  # complete only with its terminal event
