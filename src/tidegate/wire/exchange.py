"""One attempt against an upstream, in bytes: what is sent, and what its reply means.

An exchange between equal dialects passes bytes through (:mod:`tidegate.wire.passthrough`); between
different ones it translates (:mod:`tidegate.wire.translate`, loaded when first needed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tidegate.wire.answer import Answer, Told, UpstreamFault
from tidegate.wire.kinds import DIALECTS, Dialect, Kind
from tidegate.wire.passthrough import open_passthrough

if TYPE_CHECKING:
    from tidegate.wire.insertion import Insertion
    from tidegate.wire.json_object import JsonObject
    from tidegate.wire.request import RequestFacts

__all__ = ["Answer", "Exchange", "StreamRelay", "Told", "UpstreamFault", "open_exchange"]


class StreamRelay(Told, Protocol):
    """Follows one streamed answer. Any chunking of the same bytes gives the same output and final state.

    Attributes:
        has_content: a content event was seen: the attempt is committed. Role-only and empty deltas,
            ``message_start``, pings and comments are not content.
        is_complete: a finish reason or terminator was seen; ``False`` after ``end()`` is a truncation. A ``[DONE]``
            without a finish reason counts if the body ends in order.
        fault: an error event inside the stream. Before content nothing of it is given out; after content
            it is given out in the client's dialect, and nothing behind it.
    """

    has_content: bool
    is_complete: bool
    fault: UpstreamFault | None

    def feed(self, data: bytes) -> bytes:
        """What may be passed on after these bytes: whole events only."""
        ...

    def end(self, *, is_cut: bool = False) -> bytes:
        """The upstream's body ended, or broke off: what is still to be passed on."""
        ...


class Exchange(Protocol):
    """One attempt against an upstream.

    Attributes:
        path: appended to the provider's ``base_url``.
        headers: the dialect's own (``content-type``, ``anthropic-version`` ...), never credentials.
        local_answer: a whole 200 answer that needs no upstream, ``None`` for all but token estimates.
    """

    @property
    def path(self) -> str:
        """Appended to the provider's ``base_url``."""
        ...

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What the dialect needs upstream, lower-case names, no credentials."""
        ...

    @property
    def local_answer(self) -> bytes | None:
        """The whole answer when nothing needs to be sent upstream."""
        ...

    def request_parts(self) -> list[bytes | memoryview]:
        """The request body in slices, once; large values are views of the client's body, never copies."""
        ...

    def stream(self) -> StreamRelay:
        """A fresh relay for a streamed 2xx answer."""
        ...

    def answer(self, body: bytes) -> Answer:
        """Read a whole non-streamed 2xx answer."""
        ...

    def error(self, status: int, body: bytes) -> UpstreamFault:
        """Read a reply that is not 2xx."""
        ...


def open_exchange(
    kind: Kind,
    body: JsonObject,
    facts: RequestFacts,
    insertion: Insertion,
    dialect: Dialect,
    mark: bytes = b"",
    started_at_us: int = 0,
) -> Exchange:
    """Render a request for an upstream of ``dialect``.

    Args:
        kind: the client's endpoint.
        body: the client's body.
        facts: read from it.
        insertion: the version's share.
        dialect: the upstream's.
        mark: of the upstream's provider, put on the reasoning of its answers; empty: they stay as they are.
        started_at_us: the request's time in microseconds since the epoch, told to OpenAI clients where the upstream
            tells none.

    Raises:
        UnsupportedByDialectError: the upstream's dialect cannot serve this kind of request.
        MalformedBodyError: a field that the insertion touches has the wrong shape, or a template
            variable is missing.
    """
    if DIALECTS[kind] == dialect:
        return open_passthrough(kind, body, facts, insertion, mark)
    from tidegate.wire.translate import open_translated  # noqa: PLC0415 - few gateways ever translate

    return open_translated(kind, body, facts, insertion, dialect, created=started_at_us // 1_000_000)
