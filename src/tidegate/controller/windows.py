"""When the window of each step opened, and with what share: only requests that began after it are samples (I5)."""

from __future__ import annotations

from tidegate.delivery.observation import Observation
from tidegate.delivery.release import STABLE
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.registry.releases import ReleaseRow

_Key = tuple[str, int, int]  # release, attempt, step
_Round = tuple[str, int, int, int]


class Windows:
    """What ingest needs of releases, learnt from each commit."""

    def __init__(self) -> None:
        self._opened: dict[_Key, int] = {}  # microseconds since the epoch
        self._shares: dict[_Round, dict[str, int]] = {}  # basis points with which a unit goes to each variant

    def learn(self, row: ReleaseRow) -> None:
        """The release was committed like this."""
        state = row.state
        key = (row.id, state.attempt, state.step)
        if state.phase.is_terminal:
            self._opened = {known: at for known, at in self._opened.items() if known[0] != row.id}
            self._shares = {known: shares for known, shares in self._shares.items() if known[0] != row.id}
        elif state.window_opened_at is None:
            self._opened.pop(key, None)
        else:
            self._opened[key] = int(state.window_opened_at.timestamp() * 1_000_000)
            beside = {STABLE: TOTAL_WEIGHT - sum(state.shares.values())}
            self._shares[*key, state.round] = beside | state.shares

    def is_sample(self, observation: Observation) -> bool:
        """Whether the request began in the window of its release's step."""
        opened = self._opened.get((observation.release, observation.attempt, observation.step))
        return opened is not None and observation.started_at_us >= opened

    def is_compared(self, observation: Observation) -> bool:
        """Whether its variant was chosen with the share of its step. Who belongs to another segment, or was sent to
        stable because a lease ran out, had another share or none, and tells nothing of the difference."""
        key = (observation.release, observation.attempt, observation.step, observation.round)
        share = self._shares.get(key, {}).get(observation.variant, 0)
        return 0 < share < TOTAL_WEIGHT and share == observation.propensity
