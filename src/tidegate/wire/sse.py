"""Server-sent events: bytes to events and back, whatever the network's reads look like.

Source: WHATWG HTML, "Server-sent events", section "Parsing an event stream". Line ends may be LF, CR or
CRLF and may mix; nothing is decoded to text, so UTF-8 is never cut.
"""

from __future__ import annotations

import re

import msgspec

MAX_EVENT_BYTES = 32 << 20
"""Bound of one event, so that an upstream without blank lines cannot fill the memory."""

_BOM = b"\xef\xbb\xbf"
# A CR at the end of what has arrived may be half of a CRLF: it counts once the next byte is known.
_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?=[^\n])){2}")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONGEST_BOUNDARY = 4


class EventTooLargeError(ValueError):
    """An event exceeds the bound; the stream cannot be followed any further."""


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """One event.

    Attributes:
        data: the ``data`` lines joined by LF; empty when there was none.
        event: its name, empty when it has none.
        id: ``None`` when the event sets none.
        retry: reconnection time in milliseconds, ``None`` when absent.
        comments: comment lines without their colon; an event of comments alone is a keepalive.
    """

    data: bytes = b""
    event: bytes = b""
    id: bytes | None = None
    retry: int | None = None
    comments: tuple[bytes, ...] = ()
    has_data: bool = False


class BlockSplitter:
    """Cuts a stream into blocks: an event's lines with the blank line that ends them.

    The concatenation of all blocks and the rest is the stream itself, without a leading byte order mark.
    """

    __slots__ = ("_is_started", "_limit", "_pending")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._is_started = False

    def feed(self, data: bytes) -> list[bytes]:
        """The blocks that these bytes complete; ask :attr:`is_overflowing` afterwards."""
        pending = self._pending
        if not pending and self._is_started:
            blocks, rest = _split(data, 0)
            pending += rest
            return blocks
        searched = max(0, len(pending) - _LONGEST_BOUNDARY)
        pending += data
        if not self._is_started:
            if len(pending) < len(_BOM) and _BOM.startswith(pending):
                return []
            self._is_started = True
            if pending.startswith(_BOM):
                del pending[: len(_BOM)]
        if not _may_end(pending, searched):
            return []
        whole = bytes(pending)
        pending.clear()
        blocks, rest = _split(whole, searched)
        pending += rest
        return blocks

    @property
    def is_overflowing(self) -> bool:
        """More bytes than the limit wait for their blank line: the stream cannot be followed any further."""
        return len(self._pending) > self._limit

    @property
    def is_idle(self) -> bool:
        """Between two blocks: nothing of the next one has arrived, and the stream's start is behind."""
        return self._is_started and not self._pending

    def rest(self) -> bytes:
        """What no blank line has ended; the splitter is empty afterwards."""
        rest = bytes(self._pending)
        self._pending.clear()
        return rest


def _may_end(stream: bytearray, searched: int) -> bool:
    """Whether a blank line can stand behind ``searched``."""
    return stream.find(b"\n\n", searched) >= 0 or stream.find(b"\r", searched) >= 0


def _split(stream: bytes, searched: int) -> tuple[list[bytes], bytes]:
    """The whole blocks and the rest; before ``searched`` no blank line ends."""
    if stream.find(b"\r") < 0:
        *blocks, rest = stream.split(b"\n\n")
        return [block + b"\n\n" for block in blocks], rest
    blocks, start = [], 0
    for boundary in _BOUNDARY.finditer(stream, searched):
        blocks.append(stream[start : boundary.end()])
        start = boundary.end()
    return blocks, stream[start:]


def simple_data(stream: bytes) -> bytes | None:
    """The data, if ``stream`` is exactly one block as every provider sends it; ``None`` says: look closer.

    That is a ``data`` line, alone or behind one ``event`` line, with LF as line end.
    """
    size = len(stream)
    if size < 9 or stream[-1] != 10 or stream.find(b"\r") >= 0:
        return None
    first = stream.find(b"\n")
    if first == size - 2:
        return stream[6:-2] if stream.startswith(b"data: ") else None
    if stream.find(b"\ndata: ") == first and stream.find(b"\n", first + 1) == size - 2 and stream.startswith(b"event:"):
        return stream[first + 7 : -2]
    return None


def block_data(block: bytes) -> bytes | None:
    """The data of any block, ``None`` when it has no data line (comments, keepalives)."""
    event = parse_block(block)
    return event.data if event.has_data else None


def parse_block(block: bytes) -> SseEvent:
    """Read the lines of one block; unknown fields are ignored, as the standard says."""
    data: list[bytes] = []
    comments: list[bytes] = []
    name = b""
    identifier: bytes | None = None
    retry: int | None = None
    for line in _LINE_END.split(block):
        if not line:
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"":
            comments.append(value)
        elif field == b"event":
            name = value
        elif field == b"id" and b"\0" not in value:
            identifier = value
        elif field == b"retry" and value.isdigit():
            retry = int(value)
    return SseEvent(b"\n".join(data), name, identifier, retry, tuple(comments), bool(data))


class SseDecoder:
    """Bytes in, events out."""

    __slots__ = ("_splitter",)

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._splitter = BlockSplitter(limit)

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that these bytes complete.

        Raises:
            EventTooLargeError: with the events before it given out by the calls before.
        """
        if self._splitter.is_overflowing:
            raise EventTooLargeError("an event of the stream is too large")
        return [parse_block(block) for block in self._splitter.feed(data)]

    def end(self) -> list[SseEvent]:
        """The stream ended: a last event that lacks only its blank line still counts."""
        rest = self._splitter.rest()
        return [parse_block(rest)] if rest.strip(b"\r\n") else []


def encode_event(data: bytes, event: bytes = b"") -> bytes:
    """One event; line ends inside ``data`` become several ``data`` lines."""
    head = b"event: " + event + b"\n" if event else b""
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_LINE_END.split(data))
    return head + b"data: " + data + b"\n\n"
