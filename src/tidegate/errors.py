"""What can go wrong, by who must act.

    TidegateError
    ├── CallerError            the request or command was wrong; the sender mends it
    │   ├── InvalidInputError      malformed or contradictory content           (422)
    │   ├── NotFoundError          no such thing                                 (404)
    │   ├── ConflictError          somebody was faster, or it exists already     (409)
    │   ├── PreconditionError      If-Match does not hold any more               (412)
    │   ├── UnauthenticatedError   no credential, or an unknown one              (401)
    │   └── ForbiddenError         a known credential without the right          (403)
    ├── OperatorError          configuration or environment; who runs Tidegate mends it (500)
    ├── UpstreamError          a provider or another remote part failed          (502)
    └── InternalError          our own bug; never blamed on anybody else         (500)

Every error carries a stable ``code`` for machines and one sentence for people: what is wrong, where,
and how to mend it.
"""

from __future__ import annotations

from typing import ClassVar


class TidegateError(Exception):
    """Root of the tree.

    Args:
        message: one sentence: what is wrong, and with which value.
        code: stable snake_case identifier; defaults to the class's own.
        where: file and line, field path or object the message speaks of.
        remedy: how to mend it, if the message does not already say.
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        where: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        located = f"{self.where}: {self.message}" if self.where else self.message
        return f"{located} ({self.remedy})" if self.remedy else located


class CallerError(TidegateError):
    """The sender of a request or command must change it."""

    status = 400
    default_code = "bad_request"


class InvalidInputError(CallerError):
    """Content that is malformed, contradictory or not allowed."""

    status = 422
    default_code = "invalid_input"


class NotFoundError(CallerError):
    """The named thing does not exist."""

    status = 404
    default_code = "not_found"


class ConflictError(CallerError):
    """The state forbids it: it exists already, or somebody was faster."""

    status = 409
    default_code = "conflict"


class PreconditionError(CallerError):
    """``If-Match`` named a version that is not the current one."""

    status = 412
    default_code = "precondition_failed"


class UnauthenticatedError(CallerError):
    """No credential, or one nobody knows."""

    status = 401
    default_code = "unauthenticated"


class ForbiddenError(CallerError):
    """A known credential that lacks the right."""

    status = 403
    default_code = "forbidden"


class OperatorError(TidegateError):
    """Configuration or environment is wrong; whoever runs Tidegate must act."""

    default_code = "misconfigured"


class UpstreamError(TidegateError):
    """A provider, webhook or other remote part failed."""

    status = 502
    default_code = "upstream_error"


class InternalError(TidegateError):
    """A law of our own was broken."""
