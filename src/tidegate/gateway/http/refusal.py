"""Why the server refuses a request before any handler sees it."""

from __future__ import annotations


class RefusalError(Exception):
    """A request this layer does not serve; it is answered and its connection is closed.

    Attributes:
        status: 400, 408, 413, 417, 431, 500, 501, 503 or 505.
        code: stable identifier for machines.
        message: one sentence for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def malformed(what: str) -> RefusalError:
    """The request breaks HTTP/1.1, or is ambiguous: refused, never repaired."""
    return RefusalError(400, "malformed_http", f"The HTTP request is malformed: {what}.")


def body_too_large(limit: int) -> RefusalError:
    """The body exceeds ``limit`` bytes."""
    return RefusalError(413, "body_too_large", f"The request body is larger than the limit of {limit} bytes.")
