"""The gateway's own reflex: a candidate that fails hard several times in a row gets no new requests.

Control decides on evidence, over seconds to minutes; this decides on nothing but hard failures, within one
request, and only until control's next word: the entry goes when its release or attempt is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tidegate.delivery.observation import Outcome
from tidegate.delivery.snapshot import Cutoff


class Trial(NamedTuple):
    """A variant on trial: one attempt of one release."""

    service: str
    release: str
    attempt: int
    variant: str


class _Count:
    """Two rows, because a failure is told at once and an answer only when it is whole: while slow good streams
    are under way, quick refusals alone would look like a row.

    Attributes:
        unanswered: failures before the first content, in a row; broken by any first content.
        broken_off: failures after it, in a row; broken by a whole answer only.
    """

    __slots__ = ("broken_off", "is_cut", "reason", "unanswered")

    def __init__(self) -> None:
        self.unanswered = 0
        self.broken_off = 0
        self.is_cut = False
        self.reason = ""


class Cutoffs:
    """Counts hard failures in a row of every variant on trial.

    Args:
        on_cut: told at once of each cut-off: control should know before the next heartbeat.
    """

    __slots__ = ("_counts", "_on_cut")

    def __init__(self, on_cut: Callable[[], None] = lambda: None) -> None:
        self._counts: dict[Trial, _Count] = {}
        self._on_cut = on_cut

    def reason(self, trial: Trial) -> str:
        """Outcome code of the failure that cut ``trial`` off, or ``""`` while it may be used."""
        count = self._counts.get(trial)
        return count.reason if count is not None and count.is_cut else ""

    def failed(self, trial: Trial, outcome: Outcome, limit: int, *, is_committed: bool = False) -> bool:
        """Count a hard failure, before the first content or (``is_committed``) after it.

        Returns:
            Whether it is the one that cuts ``trial`` off (``limit`` in a row).
        """
        count = self._counts.setdefault(trial, _Count())
        if is_committed:
            count.broken_off += 1
        else:
            count.unanswered += 1
        if count.is_cut or max(count.unanswered, count.broken_off) < limit:
            return False
        count.is_cut = True
        count.reason = outcome.value
        self._on_cut()
        return True

    def answered(self, trial: Trial) -> None:
        """First content came. A cut-off stands; requests under way cannot lift it."""
        count = self._counts.get(trial)
        if count is not None and not count.is_cut:
            count.unanswered = 0

    def succeeded(self, trial: Trial) -> None:
        """A whole answer came."""
        count = self._counts.get(trial)
        if count is not None and not count.is_cut:
            count.unanswered = count.broken_off = 0

    def keep(self, trials: Iterable[Trial]) -> None:
        """Forget everything about trials that the table in force does not know any more."""
        known = set(trials)
        for trial in [trial for trial in self._counts if trial not in known]:
            del self._counts[trial]

    def report(self) -> tuple[Cutoff, ...]:
        """For the heartbeat: every cut-off in force."""
        return tuple(
            Cutoff(
                service=trial.service,
                release=trial.release,
                attempt=trial.attempt,
                variant=trial.variant,
                failures=max(count.unanswered, count.broken_off),
                reason=count.reason,
            )
            for trial, count in self._counts.items()
            if count.is_cut
        )
