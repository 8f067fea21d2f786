"""What a caller says about an answer: the body of ``POST /v1/feedback`` and of its import, checked.

It names a request by its id, or a unit of a service (as the request named it: header ``x-tidegate-unit``,
conversation or user), whose latest request it then is about.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from tidegate.errors import InvalidInputError

LARGEST_NUMBER = 1e9
LONGEST_TEXT = 32_768  # characters of comment and demonstration
LONGEST_CATEGORY = 64
LONGEST_UNIT = 512

Value = bool | float | str

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,63}")
_TARGETS = ("request_id", "unit", "conversation", "user")


class Feedback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One verdict.

    Attributes:
        name: of what is said: ``thumbs_up``, ``rating``, ``converted``; small letters, digits and underscores.
        value: yes or no, a number, or a category; may be left out beside a comment or a demonstration.
        request_id: ``x-request-id`` of the answer; or
        unit, conversation, user: with ``service``.
        source: who says it; one verdict counts for each request, name and source, the latest.
        comment: free text.
        demonstration: what should have been answered.
    """

    name: str
    value: Value | None = None
    request_id: str | None = None
    service: str | None = None
    unit: str | None = None
    conversation: str | None = None
    user: str | None = None
    source: str = "user"
    comment: str = ""
    demonstration: str = ""

    @property
    def named_unit(self) -> str:
        """The unit as text, ``""`` when a request is named."""
        return self.unit or self.conversation or self.user or ""


class ImportedFeedback(Feedback, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A verdict from another system; ``at`` is when it was given there (ISO 8601 with an offset), else now."""

    at: datetime | None = None


_DECODER = msgspec.json.Decoder(Feedback)


def read_feedback(body: bytes) -> Feedback:
    """Decode and check a body.

    Raises:
        InvalidInputError: what is wrong, and in which field.
    """
    try:
        feedback = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(f"the body is no feedback: {error}", code="bad_feedback") from None
    check_feedback(feedback)
    return feedback


def check_feedback(feedback: Feedback) -> None:
    """Make sure that it says something about something.

    Raises:
        InvalidInputError: what is wrong, and in which field.
    """
    if not _NAME.fullmatch(feedback.name):
        raise _wrong("name", f"{feedback.name[:80]!r} is no name", "use small letters, digits and underscores")
    if not _SOURCE.fullmatch(feedback.source):
        raise _wrong("source", f"{feedback.source[:80]!r} is no source", "use up to 64 letters, digits and _.:@/-")
    _check_target(feedback)
    _check_value(feedback)
    for name in ("comment", "demonstration"):
        if len(getattr(feedback, name)) > LONGEST_TEXT:
            raise _wrong(name, f"the {name} is longer than {LONGEST_TEXT} characters", "shorten it")


def _check_target(feedback: Feedback) -> None:
    named = [name for name in _TARGETS if getattr(feedback, name)]
    if len(named) != 1:
        found = f"it names {' and '.join(named)}" if named else "it names no request"
        raise _wrong("request_id", found, f"give one of {', '.join(_TARGETS)}")
    if named == ["request_id"]:
        return
    if not feedback.service:
        raise _wrong("service", f"a {named[0]} belongs to a service", "name the service")
    if len(feedback.named_unit) > LONGEST_UNIT:
        raise _wrong(named[0], f"it is longer than {LONGEST_UNIT} characters", "send it as the request did")


def _check_value(feedback: Feedback) -> None:
    value = feedback.value
    if value is None:
        if not (feedback.comment or feedback.demonstration):
            raise _wrong("value", "it says nothing", "give a value, a comment or a demonstration")
    elif isinstance(value, str):
        if not 0 < len(value) <= LONGEST_CATEGORY or not value.isprintable():
            raise _wrong(
                "value", f"a category has 1 to {LONGEST_CATEGORY} printable characters", "put text into comment"
            )
    elif not abs(value) <= LARGEST_NUMBER:
        raise _wrong("value", f"{value} is beyond {LARGEST_NUMBER:.0e}", "send it in a larger unit")


def _wrong(where: str, message: str, remedy: str) -> InvalidInputError:
    return InvalidInputError(message, code="bad_feedback", where=where, remedy=remedy)
