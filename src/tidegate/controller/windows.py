"""When the window of each step opened, and with what share: only requests that began after it are samples (I5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from tidegate.delivery.observation import Observation
from tidegate.delivery.release import STABLE
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.registry.database import Database
from tidegate.registry.releases import ReleaseRow, read_releases

_Key = tuple[str, int, int]  # release, attempt, step
_Round = tuple[str, int, int, int]


class Windows:
    """What ingest needs of releases, learnt from each commit."""

    def __init__(self) -> None:
        self._opened: dict[_Key, int] = {}  # microseconds since the epoch
        self._shares: dict[_Round, dict[str, int]] = {}  # basis points with which a unit goes to each variant
        self._places: dict[str, tuple[int, int]] = {}  # release -> attempt and step where it is

    def learn(self, row: ReleaseRow) -> None:
        """The release was committed like this."""
        state = row.state
        key = (row.id, state.attempt, state.step)
        if state.phase.is_terminal:
            self._opened = {known: at for known, at in self._opened.items() if known[0] != row.id}
            self._shares = {known: shares for known, shares in self._shares.items() if known[0] != row.id}
            self._places.pop(row.id, None)
            return
        self._places[row.id] = state.attempt, state.step
        for place, window in state.windows.items():
            step, _, number = place.partition(".")
            self._open((row.id, state.attempt, int(step)), int(number), window.opened_at, window.shares)
        if state.experiment is not None:
            for of_round, shares in enumerate(state.experiment.shares):
                self._shares.setdefault((row.id, state.attempt, state.experiment.step, of_round), _with_stable(shares))
        if state.window_opened_at is None:
            self._opened.pop(key, None)
        else:
            self._open(key, state.round, state.window_opened_at, state.shares)

    def _open(self, key: _Key, number: int, opened_at: datetime, shares: Mapping[str, int]) -> None:
        self._opened[key] = int(opened_at.timestamp() * 1_000_000)
        self._shares[*key, number] = _with_stable(shares)

    def is_late(self, observation: Observation) -> bool:
        """Whether the request's step or attempt is over: it still counts there, and decides nothing any more."""
        place = self._places.get(observation.release)
        return place is not None and (observation.attempt, observation.step) < place

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


class WindowReader:
    """Brings windows up to date before requests are told apart by them.

    Whoever leads opens them itself and need not look. Anybody else reads what was committed: a window that it did not
    know of would make samples of nobody's.

    Args:
        is_current: whether this process leads for certain, and has learnt what others committed before.
    """

    def __init__(self, database: Database, windows: Windows, is_current: Callable[[], bool]) -> None:
        self._database = database
        self._windows = windows
        self._is_current = is_current

    async def learn(self, releases: Collection[str]) -> None:
        """Make the windows of ``releases`` those that are committed."""
        if self._is_current() or not releases:
            return
        async with self._database.read() as connection:
            rows = await read_releases(connection, releases)
        if self._is_current():  # it took the lead meanwhile, and knows better
            return
        for row in rows:
            self._windows.learn(row)


def _with_stable(shares: Mapping[str, int]) -> dict[str, int]:
    return {STABLE: TOTAL_WEIGHT - sum(shares.values())} | dict(shares)
