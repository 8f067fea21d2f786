"""Errors in the words of each dialect: what a client's SDK parses into its own exceptions."""

from __future__ import annotations

import msgspec

from tidegate.wire.kinds import DIALECTS, Dialect, Kind

_OPENAI_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}

THREADS_UNSUPPORTED = "thread_unsupported_request"
"""Tells Anthropic's client, in ``error.details``, to go on without conversations kept by the provider."""


def error_type(dialect: Dialect, status: int) -> str:
    """The dialect's ``error.type`` for an HTTP status."""
    fallback = "invalid_request_error" if status < 500 else None
    if dialect == "anthropic":
        return _ANTHROPIC_TYPES.get(status) or fallback or "api_error"
    return _OPENAI_TYPES.get(status) or fallback or "server_error"


def error_body(dialect: Dialect, status: int, code: str, message: str, request_id: str = "") -> bytes:
    """A whole error answer.

    OpenAI has a place for ``code`` (and none for the request id), Anthropic for ``request_id`` (and none
    for the code, but for the one its client acts on); what has no place is left out.
    """
    kind_of_error = error_type(dialect, status)
    if dialect == "anthropic":
        told: dict[str, object] = {"type": kind_of_error, "message": message}
        if code == THREADS_UNSUPPORTED:
            told["details"] = {"error_code": code, "unsupported": ["thread"]}
        answer: dict[str, object] = {"type": "error", "error": told}
        if request_id:
            answer["request_id"] = request_id
        return msgspec.json.encode(answer)
    return msgspec.json.encode(
        {"error": {"message": message, "type": kind_of_error, "param": None, "code": code or None}}
    )


def error_event(source: Dialect | Kind, status: int, code: str, message: str) -> bytes:
    """The event that ends a broken stream in the client's dialect; no terminator follows it."""
    kind = source if isinstance(source, Kind) else None
    if kind is Kind.RESPONSES:
        failed = {"error": {"code": code or "server_error", "message": message}, "object": "response"}
        event = {"type": "response.failed", "response": {**failed, "status": "failed"}}
        return b"event: response.failed\ndata: " + msgspec.json.encode(event) + b"\n\n"
    dialect: Dialect = DIALECTS[kind] if kind is not None else source  # type: ignore[assignment]
    return wrap_error(dialect, error_body(dialect, status, code, message))


def wrap_error(dialect: Dialect, body: bytes) -> bytes:
    """An error body as the stream event of its dialect."""
    name = b"event: error\n" if dialect == "anthropic" else b""
    return name + b"data: " + body + b"\n\n"
