"""Whole, non-streamed answers of each endpoint: validated, and read for what must be known of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tidegate.wire.answer import Answer
from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.marking import BLOCKS, DETAILS, EXTRAS, ITEMS, Path, marked, places
from tidegate.wire.usage import OpenAIUsage, read_anthropic_usage, read_openai_usage


class _Message(msgspec.Struct, gc=False):
    refusal: Any = None
    reasoning_details: msgspec.Raw = msgspec.Raw(b"null")
    tool_calls: msgspec.Raw = msgspec.Raw(b"null")
    extra_content: msgspec.Raw = msgspec.Raw(b"null")


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None
    message: _Message | None = None


class _Completion(msgspec.Struct, gc=False):
    choices: list[_Choice]
    model: str | None = None
    usage: OpenAIUsage | None = None


class _OddCompletion(msgspec.Struct, gc=False):
    choices: list[_Choice]
    model: str | None = None
    usage: Any = None


class _Embeddings(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    model: str | None = None
    usage: Any = None


class _AnthropicMessage(msgspec.Struct, gc=False):
    content: list[msgspec.Raw]
    model: str | None = None
    stop_reason: str | None = None
    usage: Any = None


class _TokenCount(msgspec.Struct, gc=False):
    input_tokens: int


class _Item(msgspec.Struct, gc=False):
    content: Any = None


class _Details(msgspec.Struct, gc=False):
    reason: str | None = None


class _Response(msgspec.Struct, gc=False):
    output: list[_Item]
    id: str | None = None
    model: str | None = None
    status: str | None = None
    usage: Any = None
    incomplete_details: _Details | None = None


_COMPLETION = msgspec.json.Decoder(_Completion)
_ODD_COMPLETION = msgspec.json.Decoder(_OddCompletion)
_EMBEDDINGS = msgspec.json.Decoder(_Embeddings)
_MESSAGE = msgspec.json.Decoder(_AnthropicMessage)
_TOKEN_COUNT = msgspec.json.Decoder(_TokenCount)
_RESPONSE = msgspec.json.Decoder(_Response)
_PLAIN = _Message()
_DETAILS, _THOUGHT = b'"reasoning_details"', b'"thought_signature"'
_THINKING, _ENCRYPTED = b'thinking"', b'"encrypted_content"'


def read_answer(kind: Kind, body: bytes, mark: bytes = b"") -> Answer:
    """Read a 2xx body in the dialect of ``kind``; what is not of its shape is not ``is_whole``.

    Args:
        kind: of the endpoint.
        body: the upstream's bytes.
        mark: put on what its reasoning has signed; empty: nothing is.
    """
    try:
        if not body.isascii():
            str(body, "utf-8")  # the fields stepped over are not checked by their decoder
        return _READERS[kind](body, mark)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Answer(body=body, is_whole=False)


def _read_completion(body: bytes, mark: bytes) -> Answer:
    told: _Completion | _OddCompletion
    try:
        told = _COMPLETION.decode(body)
        usage = told.usage.usage() if told.usage is not None else None
    except msgspec.ValidationError:  # perhaps nothing but its usage is odd, which spoils no answer
        told = _ODD_COMPLETION.decode(body)
        usage = read_openai_usage(told.usage)
    is_refused = is_filtered = False
    for choice in told.choices:
        if choice.message != _PLAIN and choice.message is not None:
            is_refused = is_refused or bool(choice.message.refusal)
            if mark and _may_be_signed(choice.message):
                body, mark = _with_chat_marks(body, mark), b""  # those of all choices at once
        if choice.finish_reason == "content_filter":
            is_filtered = True
    if not told.choices:
        return Answer(body=body, usage=usage, model=told.model or "", is_whole=False)
    finish_reason = told.choices[0].finish_reason or ""
    return Answer(body, usage, finish_reason, told.model or "", is_refused, is_filtered)


def _read_embeddings(body: bytes, _mark: bytes) -> Answer:
    told = _EMBEDDINGS.decode(body)
    return Answer(body=body, usage=read_openai_usage(told.usage), model=told.model or "", is_whole=bool(told.data))


def _read_message(body: bytes, mark: bytes) -> Answer:
    told = _MESSAGE.decode(body)
    return Answer(
        body=_with_marks(body, BLOCKS, mark) if _THINKING in body else body,
        usage=read_anthropic_usage(told.usage),
        finish_reason=told.stop_reason or "",
        model=told.model or "",
        is_refused=told.stop_reason == "refusal",
    )


def _read_token_count(body: bytes, _mark: bytes) -> Answer:
    _TOKEN_COUNT.decode(body)  # a count, not tokens that anybody pays: no usage
    return Answer(body=body)


def _read_response(body: bytes, mark: bytes) -> Answer:
    told = _RESPONSE.decode(body)
    reason = told.incomplete_details.reason if told.incomplete_details is not None else None
    return Answer(
        body=_with_marks(body, ITEMS, mark) if _ENCRYPTED in body else body,
        usage=read_openai_usage(told.usage),
        finish_reason=reason or told.status or "",
        model=told.model or "",
        is_refused=any(_has_refusal(item.content) for item in told.output),
        is_filtered=reason == "content_filter",
        answer_id=told.id or "",
        is_whole=told.status != "failed",
    )


def _has_refusal(content: Any) -> bool:
    parts = content if isinstance(content, list) else []
    return any(isinstance(part, dict) and part.get("type") == "refusal" for part in parts)


def _with_marks(body: bytes, path: Path, mark: bytes) -> bytes:
    return marked(body, places(body, path), mark) if mark else body


def _may_be_signed(message: _Message) -> bool:
    """Whether there is more than null or an empty list, as many servers send, where signatures may be."""
    return any(
        len(raw) > len(b"null") for raw in (message.reasoning_details, message.tool_calls, message.extra_content)
    )


def _with_chat_marks(body: bytes, mark: bytes) -> bytes:
    found = places(body, DETAILS) if _DETAILS in body else []
    found += [place for path in EXTRAS for place in places(body, path)] if _THOUGHT in body else []
    return marked(body, found, mark)


_READERS: dict[Kind, Callable[[bytes, bytes], Answer]] = {
    Kind.CHAT: _read_completion,
    Kind.COMPLETIONS: _read_completion,
    Kind.EMBEDDINGS: _read_embeddings,
    Kind.RESPONSES: _read_response,
    Kind.MESSAGES: _read_message,
    Kind.COUNT_TOKENS: _read_token_count,
}
