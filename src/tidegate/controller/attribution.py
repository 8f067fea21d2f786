"""Finds the request of each pending verdict, so that it counts for the variant that was assigned."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.delivery.evidence.opinions import FEEDBACK
from tidegate.delivery.steps import Interleave
from tidegate.registry import requests
from tidegate.registry.crediting import credited
from tidegate.registry.database import Database
from tidegate.registry.feedback.attributing import attribute, attribute_preference
from tidegate.registry.feedback.keeping import give_up, pending
from tidegate.registry.feedback.stored import StoredFeedback
from tidegate.registry.observations import Counts
from tidegate.registry.pairs import shown_pairs
from tidegate.registry.requests import FoundCounts

EVERY_SECONDS = 1.0
FRESH = timedelta(minutes=1)
"""Observations arrive within seconds of what is said about them, unless control was away."""
LOOK_BACK = timedelta(minutes=1)
"""How often everything that still waits is looked at."""
PATIENCE = timedelta(days=2)
UNIT_WINDOW = timedelta(days=7)
"""A verdict on a unit is about its latest request within this time, among the latest of the service."""
UNIT_REQUESTS = 100_000
_AT_ONCE = 500

_LOG = structlog.get_logger("tidegate.feedback")


async def _not_interleaved(_release: str, _step: int) -> Interleave | None:
    return None


class Attribution:
    """Attributes verdicts, a bounded number in each transaction.

    Args:
        is_leading: only the leader does this.
        step_of: finds the step of a release that asks for votes.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        is_leading: Callable[[], bool] = lambda: True,
        step_of: Callable[[str, int], Awaitable[Interleave | None]] = _not_interleaved,
    ) -> None:
        self._database = database
        self._clock = clock
        self._is_leading = is_leading
        self._step_of = step_of

    async def run(self) -> None:
        """Attribute until cancelled."""
        looked_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            is_due = self._clock.monotonic() - looked_at >= LOOK_BACK.total_seconds()
            try:
                if self._is_leading():
                    await self.attribute(everything=is_due)
            except Exception as error:
                _LOG.warning("attribution_failed", error=repr(error))
            if is_due:
                looked_at = self._clock.monotonic()

    async def attribute(self, *, everything: bool = True) -> int:
        """Attribute what can be; returns how many verdicts were.

        Args:
            everything: also look at verdicts that have waited for more than :data:`FRESH`.
        """
        now = self._clock.now()
        since = now - (PATIENCE if everything else FRESH)
        after_us, done = _micro(since.timestamp()), 0
        while True:
            waiting, found = await self._database.transact(partial(self._some, after_us=after_us))
            done += found
            if len(waiting) < _AT_ONCE:
                break
            after_us = waiting[-1].at_us
        if everything:
            late_us = _micro((now - PATIENCE).timestamp())
            while await self._database.transact(lambda connection: give_up(connection, late_us)):
                pass
        return done

    async def _some(self, connection: AsyncConnection, after_us: int) -> tuple[list[StoredFeedback], int]:
        waiting = await pending(connection, received_after_us=after_us, limit=_AT_ONCE)
        found = await self._requests_of(connection, waiting)
        shown = await shown_pairs(connection, {observation.request_id for _, (observation, _) in found})
        places = await credited(connection, [place for _, place in found])
        done = 0
        for (said, (observation, counted)), place in zip(found, places, strict=True):
            step = await self._step_of(observation.release, observation.step) if observation.release else None
            is_asked = step is not None and step.question == FEEDBACK + said.name
            if not is_asked or step is None:
                await attribute(connection, said, place.observation, Counts(place.counted))
            elif step.mirroring is None:
                await attribute(connection, said, observation, Counts(counted), is_of_turns=True)
            elif (pair := shown.get(observation.request_id)) is not None:
                await attribute_preference(connection, said, observation, Counts(counted), pair)
            else:
                continue  # its pair is on the way, or it was not shown two answers
            done += 1
        return waiting, done

    async def _requests_of(
        self, connection: AsyncConnection, waiting: Sequence[StoredFeedback]
    ) -> list[tuple[StoredFeedback, FoundCounts]]:
        """Those whose request is known, in the order they came, with it."""
        by_id = await requests.of_requests(connection, {said.request_id for said in waiting if said.request_id})
        by_unit = await self._latest_of_units(connection, [said for said in waiting if not said.request_id])
        rows = ((said, by_id.get(said.request_id) or by_unit.get(said.id)) for said in waiting)
        return [(said, row) for said, row in rows if row is not None]

    async def _latest_of_units(
        self, connection: AsyncConnection, waiting: Iterable[StoredFeedback]
    ) -> dict[int, FoundCounts]:
        """By the verdict's number: its unit's latest request that began before it."""
        found: dict[int, FoundCounts] = {}
        by_service: dict[str, list[StoredFeedback]] = {}
        for said in waiting:
            by_service.setdefault(said.service, []).append(said)
        for service, asked in by_service.items():
            rows = await requests.latest_of_units(
                connection,
                service,
                {said.unit_hash for said in asked},
                started_before_us=max(said.at_us for said in asked),
                started_after_us=min(said.at_us for said in asked) - _micro(UNIT_WINDOW.total_seconds()),
                among=UNIT_REQUESTS,
            )
            for said in asked:
                own = (row for row in rows.get(said.unit_hash, ()) if row.observation.started_at_us <= said.at_us)
                latest = next(own, None)
                if latest is not None:
                    found[said.id] = latest
        return found


def _micro(seconds: float) -> int:
    return int(seconds * 1_000_000)
