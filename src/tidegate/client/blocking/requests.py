"""Requests: looked for, shown whole, and their kept texts erased.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.requests`.
"""

from __future__ import annotations

from datetime import datetime

from tidegate.client.calls import requests
from tidegate.client.transport import SyncTransport
from tidegate.shapes.counts import ReleaseCounts
from tidegate.shapes.requests import Erased, RequestDetail, Requests


class RequestsOperations:
    """The operations of :mod:`tidegate.client.calls.requests`; part of :class:`~tidegate.client.Client`."""

    _transport: SyncTransport

    def requests(
        self,
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
    ) -> Requests:
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
        return self._transport.run(
            requests.requests(
                service=service,
                release=release,
                version=version,
                variant=variant,
                outcome=outcome,
                slower_than=slower_than,
                costlier_than=costlier_than,
                filtered=filtered,
                rated=rated,
                feedback_name=feedback_name,
                since=since,
                until=until,
                limit=limit,
                cursor=cursor,
            )
        )

    def request(self, request_id: str) -> RequestDetail:
        """One request: who served it, what was said of it and what is kept of it.

        Raises:
            NotFoundError: nobody observed it, or it was forgotten.
        """
        return self._transport.run(requests.request(request_id))

    def erase_content(
        self, *, service: str | None = None, unit: str | None = None, request_id: str | None = None
    ) -> Erased:
        """Erase kept prompts and answers, and the words of feedback.

        Args:
            service: whose unit it is.
            unit: a unit, user or conversation, as the requests named it.
            request_id: one request instead.

        Raises:
            NotFoundError: no such service or request.
            InvalidInputError: neither or both are named.
        """
        return self._transport.run(requests.erase_content(service=service, unit=unit, request_id=request_id))

    def counts(self, release: str) -> ReleaseCounts:
        """What a release was judged by: its thresholds, who declared them, and the counts of every step and variant.

        Raises:
            NotFoundError: no such release.
        """
        return self._transport.run(requests.counts(release))
