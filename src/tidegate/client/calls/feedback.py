"""Feedback: said and read; judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.client.call import Call
from tidegate.shapes.judges import Judges
from tidegate.shapes.requests import AcceptedFeedback, SaidFeedbacks


def feedback(
    name: str,
    value: bool | float | str | None = None,
    *,
    request_id: str | None = None,
    service: str | None = None,
    unit: str | None = None,
    conversation: str | None = None,
    user: str | None = None,
    source: str = "user",
    comment: str = "",
    demonstration: str = "",
) -> Call[AcceptedFeedback]:
    """Say something of an answer; the latest verdict of a request, name and source stands.

    Args:
        name: of what is said: ``thumbs_up``, ``rating``, ``converted``.
        value: yes or no, a number, or a category; may be left out beside a comment or a demonstration.
        request_id: ``x-request-id`` of the answer; or
        service: with one of the following.
        unit: as the header ``x-tidegate-unit`` named it.
        conversation: its id.
        user: its id.
        source: who says it.
        comment: free text.
        demonstration: what should have been answered.

    Raises:
        InvalidInputError: what is wrong, and in which field.
    """
    said = {
        "name": name,
        "value": value,
        "request_id": request_id,
        "service": service,
        "unit": unit,
        "conversation": conversation,
        "user": user,
        "source": source,
        "comment": comment,
        "demonstration": demonstration,
    }
    return import_feedback([{field: given for field, given in said.items() if given not in (None, "")}])


def import_feedback(items: Sequence[Mapping[str, Any]]) -> Call[AcceptedFeedback]:
    """Store verdicts, all of them or none; each has the parameters of :func:`feedback`, and ``at``, when it was given.

    Raises:
        InvalidInputError: what is wrong, and with which of them.
    """
    body = {"items": [dict(item) for item in items]}
    return Call(method="POST", path="/feedback", returns=AcceptedFeedback, body=body, is_keyed=True)


def read_feedback(
    *,
    service: str | None = None,
    name: str | None = None,
    source: str | None = None,
    release: str | None = None,
    request_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Call[SaidFeedbacks]:
    """A page of what was said, newest first."""
    query = {
        "service": service,
        "name": name,
        "source": source,
        "release": release,
        "request_id": request_id,
        "limit": limit,
        "cursor": cursor,
    }
    return Call(method="GET", path="/feedback", returns=SaidFeedbacks, query=query)


def judges() -> Call[Judges]:
    """Every judge: verdicts, agreement with people, taste for the first place, cost, and what stands in its way."""
    return Call(method="GET", path="/judges", returns=Judges)
