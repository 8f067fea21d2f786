"""Evaluations: suites run against versions, and what gates said."""

from __future__ import annotations

from tidegate.client.call import Call, in_path
from tidegate.shapes.evaluations import Evaluation, Evaluations


def evaluate(version: str, suite: str) -> Call[Evaluation]:
    """Run a suite of the service against a version now; ask :meth:`evaluation` how it ended.

    Raises:
        NotFoundError: no such version or suite.
        InvalidInputError: the suite names a program, and the installation runs none.
        ConflictError: too many are under way.
    """
    body = {"version": version, "suite": suite}
    return Call(method="POST", path="/evaluations", returns=Evaluation, body=body, is_keyed=True)


def evaluation(evaluation: str) -> Call[Evaluation]:
    """One evaluation.

    Raises:
        NotFoundError: no such evaluation.
    """
    return Call(method="GET", path=f"/evaluations/{in_path(evaluation)}", returns=Evaluation)


def evaluations(
    *, service: str | None = None, version: str | None = None, limit: int = 50, cursor: str | None = None
) -> Call[Evaluations]:
    """A page of what suites and gates said of versions, newest first, of everything, a service or a version."""
    query = {"service": service, "version": version, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/evaluations", returns=Evaluations, query=query)
