"""What came out of experiments, at any time and after their end.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.experiments`.
"""

from __future__ import annotations

from tidegate.client.calls import experiments
from tidegate.client.transport import SyncTransport
from tidegate.shapes.experiments import Results, SegmentedResults


class ExperimentsOperations:
    """The operations of :mod:`tidegate.client.calls.experiments`; part of :class:`~tidegate.client.Client`."""

    _transport: SyncTransport

    def results(self, release: str) -> Results:
        """Where an experiment stands: every objective of every arm, valid at every look.

        Raises:
            NotFoundError: no such release, or it is no experiment.
            ConflictError: the experiment has not begun.
        """
        return self._transport.run(experiments.results(release))

    def results_csv(self, release: str, *, by: str | None = None) -> str:
        """The effects as CSV, a row for each metric of each arm.

        Args:
            release: its id.
            by: within each segment, as :func:`results_by_segment` has it.

        Raises:
            NotFoundError: no such release, or it is no experiment.
            ConflictError: the experiment has not begun.
        """
        return self._transport.run(experiments.results_csv(release, by=by))

    def results_by_segment(self, release: str, *, by: str = "segment") -> SegmentedResults:
        """The objectives among the units of each segment: to look into, not to decide by.

        Args:
            release: its id.
            by: ``segment``, ``key``, ``path`` or ``stream``.

        Raises:
            NotFoundError: no such release, or it is no experiment.
            ConflictError: the experiment has not begun.
        """
        return self._transport.run(experiments.results_by_segment(release, by=by))
