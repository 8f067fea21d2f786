"""Requests of a release that take long are reported before they end: one sweep over those under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from tidegate.delivery.observation import Observation, Outcome
from tidegate.delivery.snapshot import SlowAfter

if TYPE_CHECKING:
    from tidegate.gateway.call import Call

SWEEP_SECONDS = 0.5


class Report(Protocol):
    """Makes the observation of a call as it stands."""

    def __call__(self, call: Call, outcome: Outcome, duration: float) -> tuple[Observation, float, float]:
        """What :func:`tidegate.gateway.accounting.observation_of` gives."""


class Overdue:
    """The requests of releases that are under way.

    Args:
        record: takes the reports.
        slow: ages by service, of the table in force now: thresholds may be frozen after a request began.
    """

    __slots__ = ("_open", "_record", "_slow", "begin", "end")

    def __init__(self, record: Callable[[Observation], object], slow: Callable[[], dict[str, SlowAfter]]) -> None:
        self._open: set[Call] = set()
        self._record = record
        self._slow = slow
        self.begin = self._open.add  # of each request whose variant was chosen; the hot path pays for no more than this
        self.end = self._open.discard  # of any, however it ended

    def __len__(self) -> int:
        return len(self._open)

    async def run(self, report: Report) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep(time.monotonic(), report)

    def sweep(self, now: float, report: Report) -> int:
        """Report what has passed an age since the last sweep; returns how many."""
        slow = self._slow()
        if not (slow and self._open):
            return 0
        due = [(call, age) for call in self._open if (age := _due(call, slow, now)) is not None]
        for call, age in due:
            self._record(_as_open(report(call, Outcome.OK, age / 1e6)[0], age))
            call.waited_us = age
        return len(due)


def _due(call: Call, slow: dict[str, SlowAfter], now: float) -> int | None:
    """The request's age in microseconds, if it has passed an age that was not reported yet.

    An attempt that failed already counts as beyond every limit, whoever answers now.
    """
    route, arm = call.route, call.arm
    if route is None or arm is None or call.assigned_outcome is not None:
        return None
    ages, release = slow.get(route.name), route.route.release
    if (
        ages is None
        or release is None
        or (ages.release, ages.attempt, ages.step)
        != (
            release.id,
            release.attempt,
            release.step,
        )
    ):
        return None
    age, variant = int((now - call.request.received_at) * 1e6), arm.route.name
    passed = list(ages.latency_us.get(variant, ()))
    if call.facts.stream and not call.first_content_at:
        passed += ages.ttft_us.get(variant, ())
    return age if any(call.waited_us < threshold <= age for threshold in passed) else None


def _as_open(observation: Observation, age: int) -> Observation:
    return msgspec.structs.replace(
        observation, outcome="", assigned_outcome="", duration_us=age, is_open=True, output_tokens=-1, cost_nano_usd=-1
    )
