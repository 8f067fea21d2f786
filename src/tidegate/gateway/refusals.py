"""What the gateway itself says no to, in the words of the client's dialect."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.wire.dialect_errors import error_body
from tidegate.wire.kinds import KINDS_BY_PATH, Dialect

Header = tuple[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")


class Refusal(Exception):  # noqa: N818 - it ends a request, it is no failure of ours
    """A request that goes no further. ``message`` is one sentence: what, and how to mend it."""

    def __init__(self, status: int, code: str, message: str, headers: tuple[Header, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def guessed_dialect(path: str, headers: dict[bytes, bytes]) -> Dialect:
    """The dialect of a client at a path we may not even know."""
    kind = KINDS_BY_PATH.get(path)
    if kind is not None:
        return kind.dialect
    return "anthropic" if b"anthropic-version" in headers else "openai"


def render_error(path: str, status: int, code: str, message: str) -> tuple[Sequence[Header], bytes]:
    """Headers and body of what the HTTP layer refuses (bad framing, too large a body)."""
    return (JSON,), error_body(guessed_dialect(path, {}), status, code, message)
