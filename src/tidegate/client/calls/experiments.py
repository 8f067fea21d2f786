"""What came out of experiments, at any time and after their end."""

from __future__ import annotations

from tidegate.client.call import Call, in_path
from tidegate.shapes.experiments import Results, SegmentedResults


def results(release: str) -> Call[Results]:
    """Where an experiment stands: every objective of every arm, valid at every look.

    Raises:
        NotFoundError: no such release, or it is no experiment.
        ConflictError: the experiment has not begun.
    """
    return Call(method="GET", path=f"/releases/{in_path(release)}/results", returns=Results)


def results_csv(release: str, *, by: str | None = None) -> Call[str]:
    """The effects as CSV, a row for each metric of each arm.

    Args:
        release: its id.
        by: within each segment, as :func:`results_by_segment` has it.

    Raises:
        NotFoundError: no such release, or it is no experiment.
        ConflictError: the experiment has not begun.
    """
    path = f"/releases/{in_path(release)}/results"
    if by is None:
        return Call(method="GET", path=path, returns=str, query={"format": "csv"})
    return Call(method="GET", path=f"{path}/segments", returns=str, query={"by": by, "format": "csv"})


def results_by_segment(release: str, *, by: str = "segment") -> Call[SegmentedResults]:
    """The objectives among the units of each segment: to look into, not to decide by.

    Args:
        release: its id.
        by: ``segment``, ``key``, ``path`` or ``stream``.

    Raises:
        NotFoundError: no such release, or it is no experiment.
        ConflictError: the experiment has not begun.
    """
    path = f"/releases/{in_path(release)}/results/segments"
    return Call(method="GET", path=path, returns=SegmentedResults, query={"by": by})
