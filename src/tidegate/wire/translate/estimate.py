"""How many tokens a chat request may have, without the model's tokenizer.

Byte-pair vocabularies average about four ASCII characters a token on prose and code; characters beyond
ASCII cost about a token for every three UTF-8 bytes. The error is within some 20 % on prose and larger on
numbers and rare scripts; the answer says that it is an estimate.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

TOKENS_PER_MESSAGE: Final = 4
"""Role and separators."""

TOKENS_PER_IMAGE: Final = 1_000
"""A picture of middle size at high detail; the size itself is not decoded."""

_PDF_BYTES_PER_TOKEN: Final = 30
"""Base64 characters of a PDF for each token of its text and page pictures; very rough."""


def estimate_tokens(chat: dict[str, Any]) -> int:
    """Input tokens of a decoded chat request: messages, tools and response format."""
    total = sum(TOKENS_PER_MESSAGE + _weigh_message(message) for message in chat.get("messages", []))
    for name in ("tools", "response_format"):
        if chat.get(name):
            total += text_tokens(msgspec.json.encode(chat[name]).decode())
    return total


def text_tokens(text: str) -> int:
    """Tokens of plain text, rounded up."""
    octets = len(text.encode())
    ascii_octets = octets if octets == len(text) else len(text.encode("ascii", "ignore"))
    return -(-(3 * ascii_octets + 4 * (octets - ascii_octets)) // 12)


def _weigh_message(message: dict[str, Any]) -> int:
    content = message.get("content")
    total = text_tokens(content) if isinstance(content, str) else sum(map(_weigh_part, content or []))
    for call in message.get("tool_calls") or []:
        total += text_tokens(call["function"]["name"]) + text_tokens(call["function"]["arguments"])
    return total


def _weigh_part(part: dict[str, Any]) -> int:
    match part.get("type"):
        case "text":
            return text_tokens(part["text"])
        case "file":
            return len(part["file"]["file_data"]) // _PDF_BYTES_PER_TOKEN
    return TOKENS_PER_IMAGE
