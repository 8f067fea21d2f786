"""Writes down how the evidence of each release grows, beside the observations and after the commit.

A crash loses what was not written yet, about a second of a picture; no decision rests on it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from tidegate.controller.clock import Clock
from tidegate.registry.database import Database
from tidegate.registry.releases import ReleaseRow
from tidegate.registry.verdicts import Analysis, add_analyses, forget_analyses

_LOG = structlog.get_logger("tidegate.chronicle")
_KEPT = timedelta(days=90)
_PAUSE_SECONDS = 1.0
_MOST_WAITING = 10_000  # while the database cannot be written


class Chronicle:
    """Takes each committed release; :meth:`write` stores its analyses."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[tuple[str, int, str], Analysis] = {}

    def learn(self, row: ReleaseRow) -> None:
        """Remember the newest analysis of a release until it is written."""
        analysis = Analysis.of(row.state)
        if analysis is not None and len(self._waiting) < _MOST_WAITING:
            self._waiting[(row.id, analysis.attempt, analysis.at.isoformat())] = analysis

    async def write(self) -> None:
        """Store what waits; what cannot be stored waits on."""
        waiting = dict(self._waiting)
        if waiting:
            await self._database.transact(lambda connection: add_analyses(connection, waiting.values()))
            self._waiting = {key: each for key, each in self._waiting.items() if key not in waiting}

    async def clean_up(self) -> None:
        """Forget what is old."""
        before = self._clock.now() - _KEPT
        await self._database.transact(lambda connection: forget_analyses(connection, before))

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            try:
                await self.write()
            except Exception as error:
                _LOG.warning("chronicle_unwritten", analyses=len(self._waiting), error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)
