"""Translated requests checked against the parameter types of the official SDKs."""

from collections.abc import Iterable
from typing import Any

import pydantic
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

_MESSAGES = pydantic.TypeAdapter(MessageCreateParamsNonStreaming)
_CHAT = pydantic.TypeAdapter(CompletionCreateParamsNonStreaming)


def assert_messages_request(body: dict[str, Any]) -> None:
    _exhaust(_MESSAGES.validate_python(body))


def assert_chat_request(body: dict[str, Any]) -> None:
    _exhaust(_CHAT.validate_python(body))


def _exhaust(value: Any) -> None:
    """pydantic validates an Iterable only while it is iterated."""
    if isinstance(value, dict):
        for item in value.values():
            _exhaust(item)
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        for item in value:
            _exhaust(item)
