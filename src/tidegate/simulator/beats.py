"""The unit a streamed answer is made of: one server-sent event, marked if it carries a token."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

_encoder = msgspec.json.Encoder()


class Beat(NamedTuple):
    """One event in bytes. Only token beats take the model time and count for ``after_tokens``."""

    data: bytes
    is_token: bool = False


def encode(value: Any) -> bytes:
    """Compact JSON."""
    return _encoder.encode(value)


def data_beat(payload: Any, *, is_token: bool = False) -> Beat:
    """An event without a name, as OpenAI's chat streams have."""
    return Beat(b"data: " + _encoder.encode(payload) + b"\n\n", is_token)


def named_beat(payload: dict[str, Any], *, is_token: bool = False) -> Beat:
    """An event named after the payload's ``type``, as Anthropic and the responses API have."""
    name: str = payload["type"]
    return Beat(b"event: " + name.encode() + b"\ndata: " + _encoder.encode(payload) + b"\n\n", is_token)
