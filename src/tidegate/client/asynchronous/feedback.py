"""Feedback: said and read; judges.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.feedback`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.client.calls import feedback
from tidegate.client.transport import AsyncTransport
from tidegate.shapes.judges import Judges
from tidegate.shapes.requests import AcceptedFeedback, SaidFeedbacks


class FeedbackOperations:
    """The operations of :mod:`tidegate.client.calls.feedback`; part of :class:`~tidegate.client.AsyncClient`."""

    _transport: AsyncTransport

    async def feedback(
        self,
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
    ) -> AcceptedFeedback:
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
        return await self._transport.run(
            feedback.feedback(
                name,
                value,
                request_id=request_id,
                service=service,
                unit=unit,
                conversation=conversation,
                user=user,
                source=source,
                comment=comment,
                demonstration=demonstration,
            )
        )

    async def import_feedback(self, items: Sequence[Mapping[str, Any]]) -> AcceptedFeedback:
        """Store verdicts, all of them or none; each has the parameters of :func:`feedback`, and ``at``, when it was given.

        Raises:
            InvalidInputError: what is wrong, and with which of them.
        """
        return await self._transport.run(feedback.import_feedback(items))

    async def read_feedback(
        self,
        *,
        service: str | None = None,
        name: str | None = None,
        source: str | None = None,
        release: str | None = None,
        request_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SaidFeedbacks:
        """A page of what was said, newest first."""
        return await self._transport.run(
            feedback.read_feedback(
                service=service,
                name=name,
                source=source,
                release=release,
                request_id=request_id,
                limit=limit,
                cursor=cursor,
            )
        )

    async def judges(self) -> Judges:
        """Every judge: verdicts, agreement with people, taste for the first place, cost, and what stands in its way."""
        return await self._transport.run(feedback.judges())
