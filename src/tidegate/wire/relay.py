"""What every relay of an event stream shares: cutting into events, and an orderly end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from tidegate.wire.answer import UpstreamFault
from tidegate.wire.dialect_errors import error_body, error_event
from tidegate.wire.kinds import DIALECTS, Kind
from tidegate.wire.sse import BlockSplitter, block_data, simple_data
from tidegate.wire.surprisal import NOTHING, Surprisal
from tidegate.wire.upstream_errors import error_object_facts, redact_bytes
from tidegate.wire.usage import Usage


class EventRelay(ABC):
    """A :class:`tidegate.wire.exchange.StreamRelay` that passes whole events on as they came.

    A subclass follows the events of one endpoint; each event is decoded once into a few fields, which
    costs less than it takes to find out by scanning that it could be skipped.

    Args:
        mark: put on what the upstream's reasoning has signed; empty: nothing is.
    """

    __slots__ = (
        "_is_between",
        "_is_closed",
        "_is_unconfirmed",
        "_mark",
        "_splitter",
        "answer_id",
        "content_events",
        "fault",
        "finish_reason",
        "has_content",
        "is_complete",
        "is_filtered",
        "is_refused",
        "malformed_events",
        "model",
        "usage",
    )
    kind: ClassVar[Kind]
    surprisal: Surprisal = NOTHING

    def __init__(self, mark: bytes = b"") -> None:
        self._mark = mark
        self.has_content = False
        self.content_events = 0
        self.finish_reason = ""
        self.usage: Usage | None = None
        self.is_complete = False
        self.fault: UpstreamFault | None = None
        self.malformed_events = 0
        self.model = ""
        self.answer_id = ""
        self.is_refused = False
        self.is_filtered = False
        self._is_closed = False  # a terminator or fault came: nothing may follow
        self._is_unconfirmed = False  # the terminator that came counts if the body ends in order
        self._is_between = False  # no half event waits in the splitter
        self._splitter = BlockSplitter()

    def feed(self, data: bytes) -> bytes:
        """What may be passed on after these bytes: whole events only."""
        if self._is_closed:
            return b""
        if self._is_between and (simple := simple_data(data)) is not None:
            return self._follow(simple, data)
        blocks = self._splitter.feed(data)
        self._is_between = self._splitter.is_idle
        given = self._take(blocks[0]) if len(blocks) == 1 else b"".join(self._take_each(blocks))
        if self._splitter.is_overflowing and not self._is_closed:
            given += self._break("event_too_large", "the upstream sent an event beyond the size limit")
        return given

    def _take_each(self, blocks: list[bytes]) -> Iterator[bytes]:
        for block in blocks:
            if not self._is_closed:
                yield self._take(block)

    def end(self, *, is_cut: bool = False) -> bytes:
        """The upstream's body ended, or broke off: what is still to be passed on."""
        given = b"" if self._is_closed else self._take_rest()
        if self._is_unconfirmed and not is_cut:
            self.is_complete, self._is_closed = True, False
        self._is_unconfirmed = False
        return given + self._close()

    def _await_end(self) -> bytes:
        """Keep back a terminator without a finish reason: a server that cuts an answer off may send one, too."""
        self._is_closed = self._is_unconfirmed = True
        return b""

    def _close(self) -> bytes:
        missing = self._terminator() if self.is_complete and not self._is_closed else b""
        self._is_closed = True
        return missing

    def _take(self, block: bytes) -> bytes:
        data = simple_data(block)
        if data is None:
            data = block_data(block)
        return block if data is None else self._follow(data, block)

    def _take_rest(self) -> bytes:
        rest = self._splitter.rest().rstrip(b"\r\n")
        return self._take_last(rest + b"\n\n") if rest else b""

    def _take_last(self, block: bytes) -> bytes:
        """A last event without its blank line: taken if it is whole, dropped and counted if it was cut."""
        if block_data(block) is None and not block.startswith(b":"):
            return b""
        malformed = self.malformed_events
        given = self._take(block)
        return given if self.malformed_events == malformed else b""

    def _malformed(self, data: bytes, block: bytes) -> bytes:
        """One bad event ends nothing: it is counted and passed on. Empty data is a keepalive."""
        if data.strip():
            self.malformed_events += 1
        return block

    def _content(self) -> None:
        self.has_content = True
        self.content_events += 1

    def _fail(self, told: Any, block: bytes) -> bytes:
        """An error event: given out only behind content, and the last thing that is."""
        facts = error_object_facts(told)
        dialect = DIALECTS[self.kind]
        self.fault = facts.fault(error_body(dialect, facts.status, facts.code, facts.message))
        self.is_complete = False
        self._is_closed = True
        return redact_bytes(block) if self.has_content else b""

    def _break(self, code: str, message: str) -> bytes:
        """A stream that cannot be followed any further."""
        return self._fail({"code": code, "message": message}, error_event(self.kind, 502, code, message))

    @abstractmethod
    def _follow(self, data: bytes, block: bytes) -> bytes:
        """Take one event's data; return what is passed on for it, usually ``block`` itself."""

    @abstractmethod
    def _terminator(self) -> bytes:
        """What a complete stream must still end with."""
