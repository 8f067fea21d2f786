"""Errors as upstreams report them: read, classified by their structured codes, fit for a client.

What an upstream says about *our* credential (401, 403) is never passed on, and whatever looks like a key
is cut from every message.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tidegate.wire.answer import UpstreamFault
from tidegate.wire.dialect_errors import error_body
from tidegate.wire.kinds import Dialect

_CONTENT_FILTER = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"})
_CONTEXT_LENGTH = frozenset({"context_length_exceeded", "exceed_context_size_error"})  # the latter is llama.cpp's
_STATUS_BY_TYPE = {
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "context_length_exceeded": 400,
    "exceed_context_size_error": 400,
    "content_filter": 400,
    "content_policy_violation": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_SECRET = re.compile(
    r"(?i)\b(?:sk|pk|gsk|xai|pplx)-[a-z0-9_\-*.]{8,}|\bbearer\s+[a-z0-9._~+/=\-]{12,}|\bAIza[a-z0-9_\-]{20,}"
)
_SECRET_BYTES = re.compile(_SECRET.pattern.encode())
_MAX_MESSAGE = 2_000


class ErrorFacts(msgspec.Struct, kw_only=True):
    """What an error object says, in no dialect.

    Attributes:
        status: HTTP status, the given one or the one that the type stands for.
        code: ``code``, else ``type``; empty when neither is told.
        message: one text, credentials redacted.
        codes: every structured code found, nested ones included.
    """

    status: int
    code: str
    message: str
    codes: frozenset[str]

    def fault(self, body: bytes) -> UpstreamFault:
        """The fault with a ``body`` in the client's dialect."""
        return UpstreamFault(
            status=self.status,
            code=self.code,
            message=self.message,
            body=body,
            is_content_filter=not self.codes.isdisjoint(_CONTENT_FILTER),
            is_quota=self.status == 402 or not self.codes.isdisjoint(_QUOTA),
            is_context_length=not self.codes.isdisjoint(_CONTEXT_LENGTH),
        )


def redact(text: str) -> str:
    """The text without anything that looks like a credential."""
    return _SECRET.sub("[redacted]", text)


def redact_bytes(body: bytes) -> bytes:
    """Like :func:`redact`, on bytes."""
    return _SECRET_BYTES.sub(b"[redacted]", body)


def read_error(dialect: Dialect, status: int, body: bytes) -> UpstreamFault:
    """A reply that is not 2xx, for a client of the upstream's own ``dialect``.

    A well-formed error body is passed on with its unknown fields; anything else (HTML, empty, a refused
    credential) is replaced by a proper error.
    """
    facts, is_wellformed = error_facts(status, body)
    if is_wellformed and status not in (401, 403):
        return facts.fault(redact_bytes(body))
    return facts.fault(error_body(dialect, status, facts.code, facts.message))


def error_facts(status: int, body: bytes) -> tuple[ErrorFacts, bool]:
    """What a reply that is not 2xx says, and whether it is an error object at all."""
    if status in (401, 403):
        message = f"the upstream refused the gateway's credential with status {status}"
        return ErrorFacts(status=status, code="upstream_credential_refused", message=message, codes=frozenset()), True
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        decoded = None
    told = decoded.get("error") if isinstance(decoded, dict) else None
    facts = error_object_facts(told or decoded, status)
    return facts, isinstance(told, dict) and isinstance(told.get("message"), str)


def status_of_error_in_answer(body: bytes) -> int | None:
    """The status that an error object stands for which came with status 200; ``None`` when ``body`` is none."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    told = decoded.get("error") if isinstance(decoded, dict) else None
    return error_object_facts(told).status if isinstance(told, dict) and told.get("message") else None


def error_object_facts(told: Any, status: int | None = None) -> ErrorFacts:
    """Read the inside of an ``error`` field (object or text); ``status`` is ``None`` inside a stream."""
    if isinstance(told, str):
        told = {"message": told}
    if not isinstance(told, dict):
        told = {}
    codes = _codes(told)
    named = [name for name in (told.get("code"), told.get("type")) if isinstance(name, str) and name]
    settled = status if status is not None else _stream_status(told, named)
    message = told.get("message")
    if not isinstance(message, str) or not message:
        message = f"the upstream answered with status {settled} and no readable error"
    code = named[0] if named else "upstream_error"
    return ErrorFacts(status=settled, code=redact(code), message=redact(message)[:_MAX_MESSAGE], codes=codes)


def _codes(told: dict[str, Any]) -> frozenset[str]:
    inner = told.get("innererror")
    nested = inner.get("code") if isinstance(inner, dict) else None
    return frozenset(code for code in (told.get("code"), told.get("type"), nested) if isinstance(code, str))


def _stream_status(told: dict[str, Any], named: list[str]) -> int:
    """The status an in-stream error stands for: a numeric code, a known type, else 502."""
    code = told.get("code")
    text = str(code) if isinstance(code, (int, str)) and not isinstance(code, bool) else ""
    if text.isascii() and text.isdigit() and 400 <= int(text) <= 599:
        return int(text)
    return next((_STATUS_BY_TYPE[name] for name in named if name in _STATUS_BY_TYPE), 502)
