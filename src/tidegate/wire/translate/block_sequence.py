"""Text and interleaved tool calls laid out as Anthropic content blocks: one open at a time, indices in order."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

_IS_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def messages_event(name: str, fields: dict[str, Any]) -> bytes:
    """One event of an Anthropic stream."""
    return f"event: {name}\ndata: ".encode() + msgspec.json.encode({"type": name} | fields) + b"\n\n"


class _Segment:
    """A block to be: text, or a tool call (``index`` is the upstream's)."""

    __slots__ = ("call_id", "index", "is_call", "is_checked", "name", "pending", "sent")

    def __init__(self, *, is_call: bool, index: int = -1) -> None:
        self.is_call = is_call
        self.index = index
        self.call_id = ""
        self.name = ""
        self.pending: list[str] = []
        self.sent: list[str] = []
        self.is_checked = False

    def add(self, text: str) -> None:
        if text:
            self.pending.append(text)
            self.is_checked = False

    @property
    def can_open(self) -> bool:
        return bool(self.name) or not self.is_call

    def is_whole(self) -> bool:
        """Nothing more can follow: it is text, or arguments that already are a JSON object."""
        if not self.is_call:
            return True
        if self.is_checked or not (self.sent and self.sent[-1].rstrip().endswith("}")):
            return False
        self.is_checked = True
        try:
            _IS_OBJECT("".join(self.sent))
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


class BlockSequence:
    """The blocks of one answer.

    The first block is written as it comes. Whatever belongs to a later one waits until the open one is
    whole: text is as soon as something else begins, a call once its arguments are a JSON object. At the
    end everything left is written in order of arrival.

    Attributes:
        lost_fragments: parts that came after their call was closed, or calls that never got a name.
        has_calls: a tool call was begun.
    """

    def __init__(self) -> None:
        self.lost_fragments = 0
        self.has_calls = False
        self._queue: deque[_Segment] = deque()
        self._by_index: dict[int, _Segment] = {}
        self._is_open = False
        self._position = 0

    def text(self, text: str) -> bytes:
        """Visible text."""
        if not self._queue or self._queue[-1].is_call:
            self._queue.append(_Segment(is_call=False))
        self._queue[-1].add(text)
        return self._advance()

    def fragment(self, index: int, call_id: str, name: str, arguments: str) -> bytes:
        """A part of a tool call; ``call_id`` and ``name`` are empty in all but its first.

        A named part under an index that another id already has begins a call of its own: some servers
        give every call the index 0.
        """
        segment = self._by_index.get(index)
        if segment is None or (name and call_id and segment.call_id and segment.call_id != call_id):
            segment = self._by_index[index] = _Segment(is_call=True, index=index)
            self._queue.append(segment)
        segment.call_id = segment.call_id or call_id
        segment.name = segment.name or name
        self.has_calls = self.has_calls or bool(name)
        if arguments.strip() and segment not in self._queue:
            self.lost_fragments += 1
            return b""
        segment.add(arguments)
        return self._advance()

    def finish(self) -> bytes:
        """Everything that waits, each block closed."""
        out = []
        while self._queue:
            if self._queue[0].can_open:
                out.append(self._write_head())
                out.append(self._close_head())
            else:
                self.lost_fragments += 1
                self._queue.popleft()
        return b"".join(out)

    def _advance(self) -> bytes:
        out = []
        while self._queue and self._queue[0].can_open:
            out.append(self._write_head())
            if len(self._queue) == 1 or not self._queue[0].is_whole():
                break
            out.append(self._close_head())
        return b"".join(out)

    def _write_head(self) -> bytes:
        head = self._queue[0]
        out = b"" if self._is_open else self._open(head)
        if not head.pending:
            return out
        text = "".join(head.pending)
        head.pending.clear()
        if head.is_call:
            head.sent.append(text)
        delta = (
            {"type": "input_json_delta", "partial_json": text} if head.is_call else {"type": "text_delta", "text": text}
        )
        return out + messages_event("content_block_delta", {"index": self._position, "delta": delta})

    def _open(self, segment: _Segment) -> bytes:
        self._is_open = True
        block: dict[str, Any] = {"type": "text", "text": ""}
        if segment.is_call:
            call_id = segment.call_id or f"call_{self._position}"
            block = {"type": "tool_use", "id": call_id, "name": segment.name, "input": {}}
        return messages_event("content_block_start", {"index": self._position, "content_block": block})

    def _close_head(self) -> bytes:
        self._queue.popleft()
        self._is_open = False
        self._position += 1
        return messages_event("content_block_stop", {"index": self._position - 1})
