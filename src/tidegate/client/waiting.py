"""Waiting for a release, with the outcomes that programs act on."""

from __future__ import annotations

import time
from typing import Literal

import msgspec

from tidegate.client.call import Call, Flow, in_path
from tidegate.errors import InvalidInputError
from tidegate.shapes.releases import Release

Outcome = Literal["promoted", "finished", "ended", "paused", "timed_out"]
EXIT_CODES: dict[Outcome, int] = {"promoted": 0, "finished": 0, "ended": 3, "paused": 4, "timed_out": 5}
_PROMOTED = frozenset({"draining", "succeeded"})
_ENDED = frozenset({"rolled_back", "rejected", "superseded"})
_PEOPLE_MAY_TAKE_THEIR_TIME = frozenset({"await_approval", "unverified"})
_POLL_SECONDS = 20.0


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """How waiting ended.

    Attributes:
        outcome: ``promoted``; ``finished`` (it was never to promote, and passed; only if that was waited for);
            ``ended`` otherwise (rolled back, rejected or superseded, or finished where a promotion was waited for);
            ``paused`` (somebody or something holds it, and that is not an approval it was always going to ask
            for); ``timed_out``.
    """

    release: Release
    outcome: Outcome

    @property
    def exit_code(self) -> int:
        """What a command that waited exits with: 0, 3, 4 or 5."""
        return EXIT_CODES[self.outcome]


def wait(release: str, *, for_: str = "promoted", timeout: float | None = None) -> Flow[Waited]:
    """Ask again and again, each time letting the server hold the answer back until there is one."""
    if for_ not in {"promoted", "finished"}:
        raise InvalidInputError(f"nobody can wait for {for_!r}", remedy="wait for promoted or finished")
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _POLL_SECONDS if deadline is None else max(0.0, min(_POLL_SECONDS, deadline - time.monotonic()))
        seen: Release = yield _look(release, left)
        outcome = outcome_of(seen, for_=for_)
        if outcome is not None:
            return Waited(release=seen, outcome=outcome)
        if deadline is not None and time.monotonic() >= deadline:
            return Waited(release=seen, outcome="timed_out")


def outcome_of(release: Release, *, for_: str = "promoted") -> Outcome | None:
    """What somebody who waits should be told, or ``None``: keep waiting."""
    if release.phase == "succeeded" and release.finishes:
        return "finished" if for_ == "finished" else "ended"
    if release.phase in _PROMOTED:
        return "promoted"
    if release.phase in _ENDED:
        return "ended"
    if set(release.pause_reasons) - _PEOPLE_MAY_TAKE_THEIR_TIME:
        return "paused"
    return None


def _look(release: str, seconds: float) -> Call[Release]:
    query = {"wait_seconds": f"{seconds:.3f}"}
    path = f"/releases/{in_path(release)}"
    return Call(method="GET", path=path, returns=Release, query=query, longest_seconds=seconds)
