"""What an upstream's reply amounts to: a whole answer, or a fault."""

from __future__ import annotations

from typing import ClassVar, Protocol

import msgspec

from tidegate.wire.surprisal import NOTHING, Surprisal
from tidegate.wire.usage import Usage


class Told(Protocol):
    """What an upstream tells of its answer, whole or streamed.

    Attributes:
        usage: the last one told.
        finish_reason: as the client's dialect names it; of the first choice that told one, ``""`` when none did.
        model: the model that answered, as the upstream names it.
        is_refused: the model declined, by a structured signal.
        is_filtered: a content filter cut the answer, by a structured signal.
        answer_id: under which the provider keeps it, where a later request may name it (Responses), else ``""``.
        surprisal: of its tokens, where the client asked for log probabilities and they were told.
        content_events: events of a stream that carried content.
        malformed_events: events of a stream that were no JSON; they are passed on as they are.
    """

    usage: Usage | None
    finish_reason: str
    model: str
    is_refused: bool
    is_filtered: bool
    answer_id: str
    surprisal: Surprisal

    @property
    def content_events(self) -> int:
        """Events of a stream that carried content."""
        ...

    @property
    def malformed_events(self) -> int:
        """Events of a stream that were no JSON."""
        ...


class Answer(msgspec.Struct):
    """A whole, non-streamed 2xx reply in the client's dialect; see :class:`Told`.

    Attributes:
        body: bytes for the client.
        is_whole: valid JSON of the shape its endpoint promises; ``False`` is an upstream error.
    """

    body: bytes
    usage: Usage | None = None
    finish_reason: str = ""
    model: str = ""
    is_refused: bool = False
    is_filtered: bool = False
    answer_id: str = ""
    is_whole: bool = True
    surprisal: Surprisal = NOTHING
    content_events: ClassVar[int] = 0
    malformed_events: ClassVar[int] = 0


class UpstreamFault(msgspec.Struct, kw_only=True):
    """An error an upstream reported, as status and body or as an event inside a stream.

    Attributes:
        status: the upstream's status, or the one its in-stream error type stands for.
        code: the upstream's own code or type.
        message: its sentence, credentials redacted.
        body: an error body in the client's dialect, fit to be sent.
        is_content_filter: a content filter refused the request; retrying cannot help.
        is_quota: the account is exhausted (not a passing rate limit).
        is_context_length: the request is longer than the model's context.
    """

    status: int
    code: str
    message: str
    body: bytes
    is_content_filter: bool = False
    is_quota: bool = False
    is_context_length: bool = False
