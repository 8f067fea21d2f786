"""Exchanges with an upstream of the other dialect.

Prompt and parameters of the version are always inserted in OpenAI's form, by the same code as between equal
dialects: towards Anthropic before the request is translated, towards OpenAI afterwards. A version's
generation defaults thereby mean the same whatever its provider speaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tidegate.wire.dialect_errors import error_body
from tidegate.wire.errors import MalformedBodyError, UnsupportedByDialectError
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import UPSTREAM_PATHS, Dialect, Kind
from tidegate.wire.passthrough import HEADERS, open_passthrough
from tidegate.wire.translate.chat_answer import chat_answer
from tidegate.wire.translate.chat_request import MessagesRequest, messages_request
from tidegate.wire.translate.chat_stream import ChatStream
from tidegate.wire.translate.estimate import estimate_tokens
from tidegate.wire.translate.fields import CHAT_TO_MESSAGES, MESSAGES_TO_CHAT, check_fields, decode_fields
from tidegate.wire.translate.messages_answer import messages_answer
from tidegate.wire.translate.messages_request import ChatRequest, chat_request
from tidegate.wire.translate.messages_stream import MessagesStream
from tidegate.wire.upstream_errors import error_facts

if TYPE_CHECKING:
    from tidegate.wire.answer import Answer, UpstreamFault
    from tidegate.wire.exchange import Exchange
    from tidegate.wire.insertion import Insertion
    from tidegate.wire.request import RequestFacts

_CHAT_ONLY: Final = {
    Kind.COMPLETIONS: "plain completions",
    Kind.EMBEDDINGS: "embeddings",
    Kind.RESPONSES: "the Responses API",
}

_Headers = tuple[tuple[bytes, bytes], ...]


def open_translated(
    kind: Kind, body: JsonObject, facts: RequestFacts, insertion: Insertion, dialect: Dialect, *, created: int = 0
) -> Exchange:
    """Render a request for an upstream of the other dialect.

    Args:
        kind: the client's endpoint.
        body: the client's body.
        facts: read from it.
        insertion: the version's share.
        dialect: the upstream's.
        created: seconds since the epoch for OpenAI's ``created``; Anthropic tells no time.

    Raises:
        UnsupportedByDialectError: only chat has a counterpart at an Anthropic upstream.
        MalformedBodyError: a field without a counterpart, of the wrong shape, or a missing variable.
    """
    try:
        if kind is Kind.CHAT and dialect == "anthropic":
            return _open_chat(body, facts, insertion, created)
        if kind in (Kind.MESSAGES, Kind.COUNT_TOKENS) and dialect == "openai":
            return _open_messages(kind, body, facts, insertion)
    except RecursionError:
        raise MalformedBodyError("the body is nested too deeply to be translated") from None
    asked = _CHAT_ONLY.get(kind, kind.value)
    raise UnsupportedByDialectError(
        f"{asked} cannot be served by a version whose provider speaks the {dialect} dialect",
        where="model",
        remedy="send the request to /v1/chat/completions, or give the service a version of an OpenAI-compatible provider",
    )


def _open_chat(body: JsonObject, facts: RequestFacts, insertion: Insertion, created: int) -> ChatOverMessages:
    dropped = check_fields(body.fields, CHAT_TO_MESSAGES, "an Anthropic upstream")
    rendered = b"".join(open_passthrough(Kind.CHAT, body, facts, insertion).request_parts())
    request = messages_request(decode_fields(JsonObject.parse(rendered).fields))
    return ChatOverMessages(request, dropped, wants_usage=facts.wants_usage, created=created)


def _open_messages(kind: Kind, body: JsonObject, facts: RequestFacts, insertion: Insertion) -> MessagesOverChat:
    dropped = check_fields(body.fields, MESSAGES_TO_CHAT, "an OpenAI upstream")
    request = chat_request(decode_fields(body.fields), insertion.model, insertion.generation)
    translated = JsonObject.parse(msgspec.json.encode(request.body))
    inner = open_passthrough(Kind.CHAT, translated, facts, insertion)
    opened = CountedLocally if kind is Kind.COUNT_TOKENS else MessagesOverChat
    return opened(inner, request, dropped)


class ChatOverMessages:
    """An OpenAI chat client, an Anthropic upstream.

    Attributes:
        dropped: fields of the client that went nowhere.
        local_answer: always ``None``; the upstream answers.
    """

    path = UPSTREAM_PATHS[Kind.MESSAGES]
    headers: _Headers = HEADERS["anthropic"]
    local_answer: bytes | None = None

    def __init__(self, request: MessagesRequest, dropped: tuple[str, ...], *, wants_usage: bool, created: int) -> None:
        self.dropped = dropped
        self._body = msgspec.json.encode(request.body)
        self._has_output_tool = request.has_output_tool
        self._wants_usage = wants_usage
        self._created = created

    def request_parts(self) -> list[bytes | memoryview]:
        """The translated body."""
        return [self._body]

    def stream(self) -> ChatStream:
        """A fresh relay."""
        return ChatStream(wants_usage=self._wants_usage, has_output_tool=self._has_output_tool, created=self._created)

    def answer(self, body: bytes) -> Answer:
        """A message as a completion."""
        return chat_answer(body, has_output_tool=self._has_output_tool, created=self._created)

    def error(self, status: int, body: bytes) -> UpstreamFault:
        """Anthropic's error in OpenAI's words."""
        return _translated_fault("openai", status, body)


class MessagesOverChat:
    """An Anthropic messages client, an OpenAI chat upstream.

    Attributes:
        dropped: fields of the client that went nowhere.
        dropped_thinking: thinking blocks of the conversation left behind.
        local_answer: always ``None``; the upstream answers.
    """

    local_answer: bytes | None = None

    def __init__(self, inner: Exchange, request: ChatRequest, dropped: tuple[str, ...]) -> None:
        self.path = inner.path
        self.headers: _Headers = inner.headers
        self.dropped = dropped
        self.dropped_thinking = request.dropped_thinking
        self._inner = inner
        self._names = request.names
        self._stop_sequences = request.stop_sequences

    def request_parts(self) -> list[bytes | memoryview]:
        """The translated body with the version's share."""
        return self._inner.request_parts()

    def stream(self) -> MessagesStream:
        """A fresh relay."""
        return MessagesStream(names=self._names, stop_sequences=self._stop_sequences)

    def answer(self, body: bytes) -> Answer:
        """A completion as a message."""
        return messages_answer(body, names=self._names, stop_sequences=self._stop_sequences)

    def error(self, status: int, body: bytes) -> UpstreamFault:
        """OpenAI's error in Anthropic's words."""
        return _translated_fault("anthropic", status, body)


class CountedLocally(MessagesOverChat):
    """A count_tokens client of an OpenAI upstream, which has no such endpoint: nothing is sent.

    Attributes:
        local_answer: the whole answer, an estimate marked as such.
    """

    def __init__(self, inner: Exchange, request: ChatRequest, dropped: tuple[str, ...]) -> None:
        super().__init__(inner, request, dropped)
        counted = estimate_tokens(msgspec.json.decode(b"".join(inner.request_parts())))
        self.local_answer = msgspec.json.encode({"input_tokens": counted, "tidegate": {"is_estimate": True}})


def _translated_fault(client: Dialect, status: int, body: bytes) -> UpstreamFault:
    facts, _ = error_facts(status, body)
    return facts.fault(error_body(client, facts.status, facts.code, facts.message))
