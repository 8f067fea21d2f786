"""Reads what results are made of."""

from __future__ import annotations

import asyncio

from tidegate.controller.actual import read_counts_of
from tidegate.controller.gathering import step_counts, step_pairs
from tidegate.controller.results.segments import MOST_REQUESTS, Division, Read, segmented_results
from tidegate.controller.results.standing import Trial, experiment_results, trial_of
from tidegate.delivery.steps import Decide
from tidegate.errors import ConflictError
from tidegate.registry.database import Database
from tidegate.registry.feedback.reading import comparing_feedback
from tidegate.registry.pairs import read_pair_counts
from tidegate.registry.releases import events_of, read_release
from tidegate.registry.requests import sampled_requests
from tidegate.shapes.experiments import Results, SegmentedResults


class Experiments:
    """Answers what came out of experiments; changes nothing.

    Args:
        state: where releases are.
        observed: where requests, counts and feedback are.
    """

    def __init__(self, state: Database, observed: Database) -> None:
        self._state = state
        self._observed = observed

    async def results(self, identifier: str) -> Results:
        """Where the experiment of a release stands.

        Raises:
            NotFoundError: no such release, or it is no experiment.
            ConflictError: the experiment has not begun, or its counts cannot be read now.
        """
        async with self._state.read() as connection:
            row = await read_release(connection, identifier)
            events = await events_of(connection, identifier)
        counts = await read_counts_of(self._observed, identifier)
        if counts is None:
            raise ConflictError(f"the counts of release {identifier} cannot be read now", code="counts_unreadable")
        async with self._observed.read() as connection:
            pairs = await read_pair_counts(connection, [identifier])
        return experiment_results(row, step_counts(counts), events, step_pairs(pairs[identifier]))

    async def by_segment(self, identifier: str, by: Division) -> SegmentedResults:
        """The objectives among the units of each segment.

        Raises:
            NotFoundError: no such release, or it is no experiment.
            ConflictError: the experiment has not begun.
        """
        async with self._state.read() as connection:
            trial = trial_of(await read_release(connection, identifier))
        if not isinstance(trial.step, Decide):
            raise ConflictError("votes are not told by segment", code="no_segments", remedy="ask for the whole")
        read = await self._read(trial)
        return await asyncio.to_thread(segmented_results, trial, read, by)

    async def _read(self, trial: Trial) -> Read:
        step = trial.experiment.step
        async with self._observed.read() as connection:
            rows = await sampled_requests(connection, trial.row.id, limit=MOST_REQUESTS + 1)
            said = await comparing_feedback(connection, trial.row.service, trial.row.id, trial.state.attempt, step)
        return Read(rows[:MOST_REQUESTS], said, len(rows) > MOST_REQUESTS)
