"""What evidence can say; the order is from best to worst."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """Four values and no fifth; *no data* is never *pass*."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    NO_DATA = "no_data"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


_ORDER = tuple(Verdict)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several, in the order pass < no_data < inconclusive < fail; of none it is ``PASS``."""
    return max(verdicts, key=_ORDER.index, default=Verdict.PASS)
