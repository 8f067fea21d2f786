"""When the window of each step opened, and with what share: only requests that began after it are samples (I5)."""

from __future__ import annotations

from tidegate.delivery.observation import Observation
from tidegate.delivery.release import CANDIDATE
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.registry.releases import ReleaseRow

_Key = tuple[str, int, int]  # release, attempt, step


class Windows:
    """What ingest needs of releases, learnt from each commit."""

    def __init__(self) -> None:
        self._opened: dict[_Key, int] = {}  # microseconds since the epoch
        self._shares: dict[_Key, int] = {}  # basis points with which a unit goes to the candidate

    def learn(self, row: ReleaseRow) -> None:
        """The release was committed like this."""
        state = row.state
        key = (row.id, state.attempt, state.step)
        if state.phase.is_terminal:
            for known in [known for known in self._opened if known[0] == row.id]:
                del self._opened[known]
                self._shares.pop(known, None)
        elif state.window_opened_at is None:
            self._opened.pop(key, None)
        else:
            self._opened[key] = int(state.window_opened_at.timestamp() * 1_000_000)
            self._shares[key] = state.share

    def is_sample(self, observation: Observation) -> bool:
        """Whether the request began in the window of its release's step."""
        opened = self._opened.get((observation.release, observation.attempt, observation.step))
        return opened is not None and observation.started_at_us >= opened

    def is_compared(self, observation: Observation) -> bool:
        """Whether its variant was chosen with the share of its step. Who belongs to another segment, or was sent to
        stable because a lease ran out, had another share or none, and tells nothing of the difference."""
        share = self._shares.get((observation.release, observation.attempt, observation.step), 0)
        own = observation.propensity
        return 0 < share < TOTAL_WEIGHT and share == (own if observation.variant == CANDIDATE else TOTAL_WEIGHT - own)
