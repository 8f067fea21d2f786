"""What can go wrong with a simulated model, as a scenario declares it.

Every fault says *when* it strikes (`Fault`) and its kind says *what* happens. At most one fault
strikes a request: the first one, in declared order, whose conditions hold.
"""

from __future__ import annotations

from typing import Literal

import msgspec

RetryAfterForm = Literal["seconds", "date", "milliseconds"]


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", omit_defaults=True
):
    """When a fault strikes; all stated conditions must hold. None stated: always.

    Requests are counted per model, from the moment its behaviour was set.
    """

    probability: float = 1.0
    """Chance per request, drawn from the scenario's seed."""
    first: int | None = None
    """Only the first N requests (after ``after_requests``)."""
    every: int | None = None
    """Only every Nth request (after ``after_requests``)."""
    after_requests: int = 0
    after_seconds: float = 0.0
    until_seconds: float | None = None
    is_streamed_only: bool = False
    """Spare requests that do not stream."""


class Error(Fault, tag="error", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An error answer in the dialect of the request."""

    status: int = 500
    code: str = ""
    message: str = "The simulated model failed as told."
    retry_after_seconds: float | None = None
    retry_after_form: RetryAfterForm = "seconds"
    delay_seconds: float = 0.0


class ContentFilter(Fault, tag="content_filter", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The provider's filter objects: to the prompt (400) or to the answer (cut with that finish reason)."""

    on: Literal["prompt", "answer"] = "prompt"
    after_tokens: int = 3


class ContextLength(Fault, tag="context_length", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """400: the prompt is longer than the model's context."""


class Refusal(Fault, tag="refusal", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model declines: ``refusal`` field (OpenAI) or stop reason ``refusal`` (Anthropic)."""

    text: str = "I will not do that."


class Truncate(Fault, tag="truncate", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer stops early.

    ``length``: a proper end with that finish reason. ``cut``: the framing ends properly, finish reason and
    terminator never come. ``chunk``: the connection closes inside a chunk (or before the announced length).
    """

    by: Literal["length", "cut", "chunk"] = "length"
    after_tokens: int = 3


class Hang(Fault, tag="hang", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing more comes: before the headers, before the first content (keepalives flow), or mid-stream."""

    before: Literal["headers", "content", "token"] = "headers"
    after_tokens: int = 3
    seconds: float | None = None
    """Go on normally after this time; None hangs until the client leaves."""
    keepalive_seconds: float = 1.0


class Reset(Fault, tag="reset", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TCP reset: before any byte, or after some of the answer."""

    before: Literal["headers", "token"] = "headers"
    after_tokens: int = 3


class Closed(Fault, tag="closed", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The connection is closed properly, but without an answer."""


class MalformedEvent(Fault, tag="malformed_event", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event of the stream is not JSON, the rest follows. A whole answer is not JSON either."""

    after_tokens: int = 3
    data: str = "{not json"


class TruncatedJson(Fault, tag="truncated_json", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Half a JSON document inside proper framing; a stream ends with that event."""

    after_tokens: int = 3


class WrongLength(Fault, tag="wrong_length", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``content-length`` announces more bytes (or, negative, fewer) than the body has; then the connection closes."""

    extra_bytes: int = 100


class WrongContentType(Fault, tag="wrong_content_type", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An HTML page with status 200, as from a proxy or a captive portal."""

    status: int = 200


class Redirect(Fault, tag="redirect", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer sends the client elsewhere."""

    status: int = 307
    location: str = "http://127.0.0.1:9/elsewhere"


class Endless(Fault, tag="endless", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tokens never stop; they come at the model's pace, at most a thousand per second."""

    after_tokens: int = 1


class StreamError(Fault, tag="stream_error", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An error event inside a stream that began well; a whole answer fails with ``status``."""

    after_tokens: int = 3
    status: int = 529
    code: str = ""
    message: str = "The simulated model is overloaded."


AnyFault = (
    Error
    | ContentFilter
    | ContextLength
    | Refusal
    | Truncate
    | Hang
    | Reset
    | Closed
    | MalformedEvent
    | TruncatedJson
    | WrongLength
    | WrongContentType
    | Redirect
    | Endless
    | StreamError
)
