"""What both translating relays share on top of :class:`tidegate.wire.relay.EventRelay`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import msgspec

from tidegate.wire.dialect_errors import error_event
from tidegate.wire.relay import EventRelay
from tidegate.wire.sse import block_data
from tidegate.wire.upstream_errors import error_object_facts


class TranslatingRelay(EventRelay):
    """Follows one streamed answer of the other dialect; all facts are told in the client's words.

    Malformed events are counted and left out: bytes of a foreign dialect would break the client's parser.
    Comments, pings and dropped reasoning become keepalives.

    Attributes:
        dropped_reasoning: events of reasoning left behind; they count as content, for the model is answering.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dropped_reasoning = 0

    def _take(self, block: bytes) -> bytes:
        data = block_data(block)
        if data is not None:
            return self._follow(data, block)
        return self._keepalive() if block.lstrip(b"\r\n").startswith(b":") else b""

    def _follow(self, data: bytes, block: bytes) -> bytes:
        try:
            return self._translate(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._malformed(data, block)

    def _malformed(self, data: bytes, block: bytes) -> bytes:
        super()._malformed(data, block)
        return b""

    def _report(self, told: Any) -> bytes:
        """An error event of the upstream in the client's dialect."""
        facts = error_object_facts(told)
        return self._fail(told, error_event(self.kind, facts.status, facts.code, facts.message))

    def _drop_reasoning(self) -> bytes:
        self._content()
        self.dropped_reasoning += 1
        return self._keepalive()

    @abstractmethod
    def _translate(self, data: bytes) -> bytes:
        """One event's data in the client's dialect.

        Raises:
            msgspec.DecodeError: the event is malformed.
        """

    @abstractmethod
    def _keepalive(self) -> bytes:
        """A sign of life that is no content."""
