"""The few fields of a request body that routing needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

from tidegate.plain_struct import plainly_set
from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.surprisal import asks_for_logprobs

T = TypeVar("T")

MOST = 2**31 - 1
"""Of what a client counts (tokens of an answer, answers): more than any model gives, and sums of it stay finite."""


@plainly_set
class RequestFacts(msgspec.Struct, kw_only=True):
    """What routing, limits and observation must know of a request.

    Attributes:
        model: the service name as the client wrote it.
        user: ``user`` or ``metadata.user_id``.
        conversation: ``metadata.conversation_id``, or the Responses API's ``conversation``.
        metadata: the client's ``metadata`` object, empty when absent.
        wants_usage: the client itself asked for usage in the stream.
        max_output_tokens: the client's own cap, in whichever spelling.
        choices: answers asked for (``n``).
        variables: ``tidegate.variables``; ``None`` when the request brings none.
        wants_logprobs: the client asked for the log probabilities of what is written.
    """

    model: str
    stream: bool = False
    user: str | None = None
    conversation: str | None = None
    previous_response_id: str | None = None
    metadata: dict[str, Any] = {}
    wants_usage: bool = False
    max_output_tokens: int | None = None
    choices: int = 1
    variables: dict[str, Any] | None = None
    wants_logprobs: bool = False


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Tidegate(msgspec.Struct, forbid_unknown_fields=True):
    variables: dict[str, Any] | None = None


class _ConversationRef(msgspec.Struct):
    id: str


_STRING = msgspec.json.Decoder(str | None).decode
_BOOLEAN = msgspec.json.Decoder(bool | None).decode
_ANYTHING: Callable[[msgspec.Raw], Any] = msgspec.json.Decoder(Any).decode
_COUNT = msgspec.json.Decoder(Annotated[int, msgspec.Meta(le=MOST)] | None).decode
_OBJECT = msgspec.json.Decoder(dict[str, Any] | None).decode
_STREAM_OPTIONS = msgspec.json.Decoder(_StreamOptions | None).decode
_TIDEGATE = msgspec.json.Decoder(_Tidegate | None).decode
_CONVERSATION = msgspec.json.Decoder(str | _ConversationRef | None).decode

_RESPONSES = Kind.RESPONSES  # reading a member through its class is slow
_CAPS = ("max_completion_tokens", "max_output_tokens")
_RARE = frozenset(
    (
        *("stream_options", *_CAPS, "n", "logprobs", "tidegate", "metadata"),
        *("previous_response_id", "conversation"),  # of the Responses API
    )
)


def read_request(kind: Kind, body: JsonObject) -> RequestFacts:
    """Read what routing needs and leave the rest to the upstream.

    Raises:
        MalformedBodyError: ``model`` is missing, or a field that is read has the wrong type; ``where``
            names it.
    """
    fields = body.fields
    model = _read(fields, "model", _STRING) if "model" in fields else None
    if not model:
        raise MalformedBodyError("the body must name a service in 'model'", where="model")
    facts = RequestFacts(model=model)
    if "stream" in fields:
        facts.stream = bool(_read(fields, "stream", _BOOLEAN))
    if "max_tokens" in fields:
        facts.max_output_tokens = _read(fields, "max_tokens", _COUNT)
    if not _RARE.isdisjoint(fields):
        _read_rare(kind, fields, facts)
    if "user" in fields:
        facts.user = _read(fields, "user", _STRING) or facts.user
    return facts


def _read_rare(kind: Kind, fields: dict[str, msgspec.Raw], facts: RequestFacts) -> None:
    """What most requests do not bring."""
    if "stream_options" in fields:
        options = _read(fields, "stream_options", _STREAM_OPTIONS)
        facts.wants_usage = bool(options and options.include_usage)
    for name in _CAPS:
        if name in fields:
            cap = _read(fields, name, _COUNT)
            facts.max_output_tokens = facts.max_output_tokens if cap is None else cap
    if "n" in fields:
        choices = _read(fields, "n", _COUNT)
        facts.choices = 1 if choices is None else choices
    if "logprobs" in fields:
        facts.wants_logprobs = asks_for_logprobs(_read(fields, "logprobs", _ANYTHING))
    if "tidegate" in fields:
        own = _read(fields, "tidegate", _TIDEGATE)
        facts.variables = own.variables if own else None
    if "metadata" in fields:
        facts.metadata = _read(fields, "metadata", _OBJECT) or {}
        facts.conversation = _identifier(facts.metadata, "conversation_id")
        facts.user = _identifier(facts.metadata, "user_id")
    if kind is _RESPONSES:
        if "previous_response_id" in fields:
            facts.previous_response_id = _read(fields, "previous_response_id", _STRING)
        if "conversation" in fields:
            named = _read(fields, "conversation", _CONVERSATION)
            facts.conversation = (named.id if isinstance(named, _ConversationRef) else named) or facts.conversation


def _read(fields: dict[str, msgspec.Raw], name: str, decode: Callable[[msgspec.Raw], T]) -> T:
    """The value of a field that is there, ``None`` when it is null."""
    try:
        return decode(fields[name])
    except RecursionError:
        raise MalformedBodyError(f"the field {name!r} is nested too deeply", where=name) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBodyError(f"the field {name!r} is wrong: {error}", where=name) from None


def _identifier(metadata: dict[str, Any], name: str) -> str | None:
    """A metadata value as an identifier: strings and integers count, empty strings do not."""
    value = metadata.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value) or None
