"""Evaluations: suites run against versions, and what gates said.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.evaluations`.
"""

from __future__ import annotations

from tidegate.client.calls import evaluations
from tidegate.client.transport import SyncTransport
from tidegate.shapes.evaluations import Evaluation, Evaluations


class EvaluationsOperations:
    """The operations of :mod:`tidegate.client.calls.evaluations`; part of :class:`~tidegate.client.Client`."""

    _transport: SyncTransport

    def evaluate(self, version: str, suite: str) -> Evaluation:
        """Run a suite of the service against a version now; ask :meth:`evaluation` how it ended.

        Raises:
            NotFoundError: no such version or suite.
            InvalidInputError: the suite names a program, and the installation runs none.
            ConflictError: too many are under way.
        """
        return self._transport.run(evaluations.evaluate(version, suite))

    def evaluation(self, evaluation: str) -> Evaluation:
        """One evaluation.

        Raises:
            NotFoundError: no such evaluation.
        """
        return self._transport.run(evaluations.evaluation(evaluation))

    def evaluations(
        self, *, service: str | None = None, version: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Evaluations:
        """A page of what suites and gates said of versions, newest first, of everything, a service or a version."""
        return self._transport.run(
            evaluations.evaluations(service=service, version=version, limit=limit, cursor=cursor)
        )
