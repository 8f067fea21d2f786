"""Requests: looked for, shown whole, and their kept texts erased."""

from __future__ import annotations

from datetime import datetime

from tidegate.client.call import Call, in_path
from tidegate.shapes.counts import ReleaseCounts
from tidegate.shapes.requests import Erased, RequestDetail, Requests


def requests(
    *,
    service: str | None = None,
    release: str | None = None,
    version: str | None = None,
    variant: str | None = None,
    outcome: str | None = None,
    slower_than: float | None = None,
    costlier_than: float | None = None,
    filtered: bool = False,
    rated: bool = False,
    feedback_name: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Call[Requests]:
    """A page of observed requests, newest first; one may hold few rows, or none, and still have a ``next``.

    Args:
        service: only this one's.
        release: only this one's.
        version: assigned to this version, by its full reference.
        variant: assigned to this variant.
        outcome: with this outcome for the user.
        slower_than: seconds it took at least.
        costlier_than: USD it cost at least.
        filtered: stopped by a content filter.
        rated: with feedback.
        feedback_name: with feedback of this name.
        since: began at this instant or later.
        until: began before it.
        limit: rows of one page.
        cursor: ``next`` of the page before.
    """
    query = {
        "service": service,
        "release": release,
        "version": version,
        "variant": variant,
        "outcome": outcome,
        "slower_than": None if slower_than is None else str(slower_than),
        "costlier_than": None if costlier_than is None else str(costlier_than),
        "filtered": "true" if filtered else None,
        "rated": "true" if rated else None,
        "feedback_name": feedback_name,
        "since": None if since is None else since.isoformat(),
        "until": None if until is None else until.isoformat(),
        "limit": limit,
        "cursor": cursor,
    }
    return Call(method="GET", path="/requests", returns=Requests, query=query)


def request(request_id: str) -> Call[RequestDetail]:
    """One request: who served it, what was said of it and what is kept of it.

    Raises:
        NotFoundError: nobody observed it, or it was forgotten.
    """
    return Call(method="GET", path=f"/requests/{in_path(request_id)}", returns=RequestDetail)


def erase_content(
    *, service: str | None = None, unit: str | None = None, request_id: str | None = None
) -> Call[Erased]:
    """Erase kept prompts and answers, and the words of feedback.

    Args:
        service: whose unit it is.
        unit: a unit, user or conversation, as the requests named it.
        request_id: one request instead.

    Raises:
        NotFoundError: no such service or request.
        InvalidInputError: neither or both are named.
    """
    query = {"service": service, "unit": unit, "request_id": request_id}
    return Call(method="DELETE", path="/content", returns=Erased, query=query)


def counts(release: str) -> Call[ReleaseCounts]:
    """What a release was judged by: its thresholds, who declared them, and the counts of every step and variant.

    Raises:
        NotFoundError: no such release.
    """
    return Call(method="GET", path=f"/releases/{in_path(release)}/counts", returns=ReleaseCounts)
