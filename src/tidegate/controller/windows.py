"""When the window of each step opened: only requests that began after it are samples (invariant I5)."""

from __future__ import annotations

from tidegate.delivery.observation import Observation
from tidegate.registry.releases import ReleaseRow

_Key = tuple[str, int, int]  # release, attempt, step


class Windows:
    """What ingest needs of releases, learnt from each commit."""

    def __init__(self) -> None:
        self._opened: dict[_Key, int] = {}  # microseconds since the epoch

    def learn(self, row: ReleaseRow) -> None:
        """The release was committed like this."""
        state = row.state
        key = (row.id, state.attempt, state.step)
        if state.phase.is_terminal:
            for known in [known for known in self._opened if known[0] == row.id]:
                del self._opened[known]
        elif state.window_opened_at is None:
            self._opened.pop(key, None)
        else:
            self._opened[key] = int(state.window_opened_at.timestamp() * 1_000_000)

    def is_sample(self, observation: Observation) -> bool:
        """Whether the request began in the window of its release's step."""
        opened = self._opened.get((observation.release, observation.attempt, observation.step))
        return opened is not None and observation.started_at_us >= opened
