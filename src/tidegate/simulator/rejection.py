"""Error answers as the two providers write them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

from tidegate.simulator.faults import RetryAfterForm

Dialect = Literal["openai", "anthropic"]

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Rejection(Exception):  # noqa: N818 - an answer, not a failure of ours
    """A request gets an error answer.

    Args:
        status: HTTP status.
        code: OpenAI's ``error.code``; empty: none.
        message: what the provider says.
        param: the field at fault, if one is.
        headers: further header fields, such as ``retry-after``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        param: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.headers = headers

    def document(self, dialect: Dialect) -> dict[str, Any]:
        """The error body in a dialect."""
        if dialect == "anthropic":
            return anthropic_error(self.status, self.message, self.code)
        return openai_error(self.status, self.message, self.code, self.param)


def openai_error(status: int, message: str, code: str, param: str | None = None) -> dict[str, Any]:
    """OpenAI's ``{"error": {...}}``."""
    kind = "server_error" if status >= 500 else "requests" if status == 429 else "invalid_request_error"
    if code == "insufficient_quota":
        kind = code
    return {"error": {"message": message, "type": kind, "param": param, "code": code or None}}


def anthropic_error(status: int, message: str, code: str = "") -> dict[str, Any]:
    """Anthropic's ``{"type": "error", ...}``; a code that names an error type replaces the usual one."""
    kind = code if code.endswith("_error") else _ANTHROPIC_TYPES.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def retry_after_header(form: RetryAfterForm, seconds: float, now: datetime) -> tuple[str, str]:
    """When to come back, in one of the three forms providers use."""
    if form == "milliseconds":
        return "retry-after-ms", str(max(0, round(seconds * 1000)))
    if form == "date":
        return "retry-after", format_datetime(now + timedelta(seconds=seconds), usegmt=True)
    return "retry-after", str(math.ceil(seconds))
