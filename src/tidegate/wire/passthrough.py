"""Exchanges between equal dialects: the client's bytes, with the version's share spliced in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from tidegate.plain_struct import plainly_set
from tidegate.wire.answers import read_answer
from tidegate.wire.kinds import DIALECTS, UPSTREAM_PATHS, Kind
from tidegate.wire.prepared import prepare
from tidegate.wire.relay_chat import ChatRelay, ScoredChatRelay
from tidegate.wire.relay_messages import MessagesRelay
from tidegate.wire.relay_responses import ResponsesRelay
from tidegate.wire.render import render_request
from tidegate.wire.upstream_errors import read_error

if TYPE_CHECKING:
    from tidegate.wire.answer import Answer, UpstreamFault
    from tidegate.wire.insertion import Insertion
    from tidegate.wire.json_object import JsonObject
    from tidegate.wire.relay import EventRelay
    from tidegate.wire.request import RequestFacts

_JSON = (b"content-type", b"application/json")
HEADERS: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "openai": (_JSON,),
    "anthropic": (_JSON, (b"anthropic-version", b"2023-06-01")),
}
"""What each dialect needs upstream; a client's own ``anthropic-version`` goes before ours."""
_WAYS = {kind: (UPSTREAM_PATHS[kind], HEADERS[DIALECTS[kind]]) for kind in Kind}


@plainly_set
class PassThrough(msgspec.Struct, eq=False):
    """A :class:`tidegate.wire.exchange.Exchange` with an upstream of the client's own dialect."""

    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    _kind: Kind
    _facts: RequestFacts
    _parts: list[bytes | memoryview]
    _mark: bytes = b""
    local_answer: ClassVar[bytes | None] = None  # the upstream answers

    def request_parts(self) -> list[bytes | memoryview]:
        """The rendered body, in slices; handed over, so that a long stream does not hold it to its end."""
        parts, self._parts = self._parts, []
        return parts

    def stream(self) -> EventRelay:
        """A fresh relay."""
        if self._kind is Kind.MESSAGES:
            return MessagesRelay(self._mark)
        if self._kind is Kind.RESPONSES:
            return ResponsesRelay(self._mark)
        relay = ScoredChatRelay if self._facts.wants_logprobs else ChatRelay
        return relay(self._mark, strips_usage=not self._facts.wants_usage, choices=self._facts.choices)

    def answer(self, body: bytes) -> Answer:
        """Read a whole 2xx answer; its bytes are the client's, but for the mark of who reasoned."""
        return read_answer(self._kind, body, self._mark)

    def error(self, status: int, body: bytes) -> UpstreamFault:
        """Read a reply that is not 2xx."""
        return read_error(DIALECTS[self._kind], status, body)


def open_passthrough(
    kind: Kind, body: JsonObject, facts: RequestFacts, insertion: Insertion, mark: bytes = b""
) -> PassThrough:
    """Render a request for an upstream of the client's own dialect.

    Args: as of :func:`tidegate.wire.exchange.open_exchange`.

    Raises:
        MalformedBodyError: a field that the version touches has the wrong shape, or a template variable is
            missing.
        OperatorError: the version's prompt is no valid template.
    """
    parts = render_request(kind, body, facts, prepare(kind, insertion))
    path, headers = _WAYS[kind]
    return PassThrough(path, headers, kind, facts, parts, mark)
