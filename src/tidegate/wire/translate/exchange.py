"""Exchanges with an upstream of the other dialect.

Prompt and parameters of the version are always inserted in OpenAI's form, by the same code as between equal
dialects: towards Anthropic before the request is translated, towards OpenAI afterwards. A version's
generation defaults thereby mean the same whatever its provider speaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tidegate.wire.dialect_errors import error_body
from tidegate.wire.errors import MalformedBodyError, UnsupportedByDialectError
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import UPSTREAM_PATHS, Dialect, Kind
from tidegate.wire.passthrough import open_passthrough
from tidegate.wire.translate.chat_answer import chat_answer
from tidegate.wire.translate.chat_request import MessagesRequest, messages_request
from tidegate.wire.translate.chat_stream import ChatStream
from tidegate.wire.translate.estimate import estimate_tokens
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
    if kind is Kind.CHAT and dialect == "anthropic":
        rendered = open_passthrough(kind, body, facts, insertion).request_parts()
        request = messages_request(_decoded(JsonObject.parse(b"".join(rendered))))
        return ChatOverMessages(request, wants_usage=facts.wants_usage, created=created)
    if kind in (Kind.MESSAGES, Kind.COUNT_TOKENS) and dialect == "openai":
        request_of_chat = chat_request(_decoded(body), insertion.model, insertion.generation)
        translated = JsonObject.parse(msgspec.json.encode(request_of_chat.body))
        inner = open_passthrough(Kind.CHAT, translated, _asking_for_usage(facts), insertion)
        if kind is Kind.COUNT_TOKENS:
            return CountedLocally(inner, request_of_chat)
        return MessagesOverChat(inner, request_of_chat)
    asked = _CHAT_ONLY.get(kind, kind.value)
    raise UnsupportedByDialectError(
        f"{asked} cannot be served by a version whose provider speaks the {dialect} dialect",
        where="model",
        remedy="send the request to /v1/chat/completions, or give the service a version of an OpenAI-compatible provider",
    )


def _decoded(body: JsonObject) -> dict[str, Any]:
    """All values, without our own ``tidegate`` field."""
    decoded = {}
    for name, raw in body.fields.items():
        try:
            if name != "tidegate":
                decoded[name] = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedBodyError(f"the field {name!r} is wrong: {error}", where=name) from None
    return decoded


def _asking_for_usage(facts: RequestFacts) -> RequestFacts:
    """The facts of the translated request, which itself asks for usage when it streams."""
    return msgspec.structs.replace(facts, wants_usage=True)


class ChatOverMessages:
    """An OpenAI chat client, an Anthropic upstream.

    Attributes:
        dropped: fields of the client that went nowhere.
        local_answer: always ``None``; the upstream answers.
    """

    path = UPSTREAM_PATHS[Kind.MESSAGES]
    headers: _Headers = ((b"content-type", b"application/json"), (b"anthropic-version", b"2023-06-01"))
    local_answer: bytes | None = None

    def __init__(self, request: MessagesRequest, *, wants_usage: bool, created: int) -> None:
        self.dropped = request.dropped
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

    def __init__(self, inner: Exchange, request: ChatRequest) -> None:
        self.path = inner.path
        self.headers: _Headers = inner.headers
        self.dropped = request.dropped
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

    def __init__(self, inner: Exchange, request: ChatRequest) -> None:
        super().__init__(inner, request)
        counted = estimate_tokens(msgspec.json.decode(b"".join(inner.request_parts())))
        self.local_answer = msgspec.json.encode({"input_tokens": counted, "tidegate": {"is_estimate": True}})


def _translated_fault(client: Dialect, status: int, body: bytes) -> UpstreamFault:
    facts, _ = error_facts(status, body)
    return facts.fault(error_body(client, facts.status, facts.code, facts.message))
