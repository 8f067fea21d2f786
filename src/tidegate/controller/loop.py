"""The controller: gather, decide, commit, carry out — each interval, and at once when there is news.

Deciding is pure and quick, so everybody is decided before anything is written. Then each move is committed and
carried out by itself, ways back first, so that one that fails or hangs delays nobody else's; evidence alone is
kept last, in one transaction for all. Within a service the oldest release comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock, JumpDetector
from tidegate.controller.committing import Hearers, Lead, commit_decision, record_time_to_stable
from tidegate.controller.effects import Effects
from tidegate.controller.gathering import Case, Gatherer
from tidegate.controller.leadership import Leadership
from tidegate.controller.news import News
from tidegate.controller.publisher import Publisher
from tidegate.controller.windows import Windows
from tidegate.delivery.commands import WriteRouting
from tidegate.delivery.decide import decide
from tidegate.delivery.decision import Decision
from tidegate.delivery.release import Phase
from tidegate.registry.cluster import StaleLeaderError, fence
from tidegate.registry.database import Database
from tidegate.registry.releases import ReleaseChangedError, ReleaseRow, touch_state

_LOG = structlog.get_logger("tidegate.controller")
_MOVES_IN_A_PASS = 25  # then everybody is looked at again, so that a new way back need not wait for the rest
_COMMIT_SECONDS = 15.0  # after which a move is given up, and tried again in the next pass
_PASSES_IN_A_ROW = 20  # before the loop takes a breath, however much happens


class Controller:
    """Runs reconcile passes while this process leads.

    Args:
        wanted: set by whoever has news, to have a pass made at once.
        hearers: names the outbox's sinks that hear of something.
        on_committed: called after each commit (the notifier, telemetry).
        commits_at_once: transactions the database takes side by side; SQLite takes one.
        interval: between two passes without news.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        leadership: Leadership,
        gatherer: Gatherer,
        publisher: Publisher,
        effects: Effects,
        windows: Windows,
        news: News,
        wanted: asyncio.Event,
        *,
        hearers: Hearers,
        on_committed: Callable[[ReleaseRow], None],
        commits_at_once: int,
        interval: timedelta = timedelta(seconds=1),
    ) -> None:
        self._database = database
        self._clock = clock
        self._leadership = leadership
        self._gatherer = gatherer
        self._publisher = publisher
        self._effects = effects
        self._windows = windows
        self._news = news
        self._hearers = hearers
        self._on_committed = on_committed
        self._commits_at_once = commits_at_once
        self._interval = interval
        self._jumps = JumpDetector(clock)
        self._jumped = timedelta()
        self._unsettled_jumps: dict[str, timedelta] = {}  # by release, until committed
        self._wanted = wanted

    async def run(self) -> None:
        """Make passes until cancelled."""
        while True:
            self._wanted.clear()
            try:
                for _ in range(_PASSES_IN_A_ROW):
                    if not await self.reconcile():
                        break
            except Exception as error:
                _LOG.error("pass_failed", error=repr(error))
            await _wait(self._wanted, self._interval)

    async def reconcile(self) -> bool:
        """One pass; whether something changed, so that another one may go further at once."""
        self._jumped += self._jumps.jump()  # first, and kept until somebody could take note of it
        epoch = await self._leadership.keep()
        try:
            await self._publisher.refresh()
            if epoch is None:
                self._effects.stand_down()
                return False
            return await self._decide_all(epoch)
        except StaleLeaderError:
            self._leadership.lose()
            return False

    async def _decide_all(self, epoch: int) -> bool:
        gathered = await self._gatherer.gather(epoch, self._jump_of)
        if self._jumped:
            gathered = await self._after_jump(epoch, gathered)
        now = self._clock.now()
        decided = [made for service, cases in gathered.items() for made in self._decide_service(service, cases, now)]
        moves = sorted((made for made in decided if made.is_move), key=_urgency)
        gate = asyncio.Semaphore(self._commits_at_once)
        results = await asyncio.gather(
            *(self._move(epoch, made, now, gate) for made in moves[:_MOVES_IN_A_PASS]), return_exceptions=True
        )
        for result in results:
            if isinstance(result, StaleLeaderError):
                raise result
        await self._keep_evidence(epoch, [made for made in decided if not made.is_move])
        return any(result is True for result in results)

    async def _after_jump(self, epoch: int, gathered: dict[str, list[Case]]) -> dict[str, list[Case]]:
        jump, self._jumped = self._jumped, timedelta()
        _LOG.warning("clock_jumped", seconds=jump.total_seconds())
        for cases in gathered.values():
            for case in cases:
                self._unsettled_jumps[case.row.id] = self._jump_of(case.row.id) + jump
        return await self._gatherer.gather(epoch, self._jump_of)

    def _jump_of(self, release: str) -> timedelta:
        return self._unsettled_jumps.get(release, timedelta())

    def _decide_service(self, service: str, cases: list[Case], now: datetime) -> list[_Decided]:
        """Each release of one service in turn; after one that moves the others wait for a fresh look."""
        decided: list[_Decided] = []
        try:
            for case in cases:
                made = _Decided(case, decide(case.row.spec, case.row.state, case.intents, case.facts, now))
                decided.append(made)
                if made.is_move:
                    break
        except Exception as error:
            _LOG.error("service_pass_failed", service=service, error=repr(error))
        return decided

    async def _move(self, epoch: int, made: _Decided, now: datetime, gate: asyncio.Semaphore) -> bool:
        """Commit and carry out one decision; whether the release moved."""
        case, decision = made
        lead = Lead(self._leadership.leader, epoch)
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                async with gate:
                    row = await self._database.transact(
                        lambda connection: commit_decision(
                            connection, lead, case, decision, hearers=self._hearers, now=now
                        )
                    )
                self._settled(row)
                await self._carry_out(made)
        except StaleLeaderError:
            raise
        except ReleaseChangedError:
            return True
        except Exception as error:
            _LOG.error("move_failed", release=case.row.id, error=repr(error))
            return False
        return bool(decision.transitions)

    async def _keep_evidence(self, epoch: int, calm: list[_Decided]) -> None:
        """What was learnt of releases that did not move: all of it in one transaction, after everybody's moves."""
        learnt = [made for made in calm if made.decision.state != made.case.row.state]

        async def keep(connection: AsyncConnection) -> list[ReleaseRow]:
            await fence(connection, self._leadership.leader, epoch)
            kept = []
            for case, decision in learnt:
                await record_time_to_stable(connection, case.row, decision.state)
                kept.append(await touch_state(connection, case.row, decision.state))
            return [row for row in kept if row is not None]

        if learnt:
            for row in await self._database.transact(keep):
                self._settled(row)
        for made in calm:
            await self._carry_out(made)

    def _settled(self, row: ReleaseRow) -> None:
        self._unsettled_jumps.pop(row.id, None)
        self._windows.learn(row)
        self._on_committed(row)
        self._news.tell()

    async def _carry_out(self, made: _Decided) -> None:
        case, decision = made
        if any(isinstance(command, WriteRouting) for command in decision.commands):
            await self._publisher.refresh()
        if decision.state.phase is not Phase.GATING:
            self._effects.leave_gating(case.row.id)
        self._effects.carry_out(case, decision.commands)
        if decision.state.phase.is_terminal:
            self._effects.forget(case.row.id)


class _Decided(NamedTuple):
    """A case and what was decided of it."""

    case: Case
    decision: Decision

    @property
    def is_move(self) -> bool:
        """Whether it is more than evidence."""
        return bool(self.case.intents or self.decision.transitions)


def _urgency(made: _Decided) -> int:
    """Ways back before everything else."""
    return 0 if made.decision.state.phase is Phase.ROLLING_BACK else 1


async def _wait(news: asyncio.Event, interval: timedelta) -> None:
    try:
        async with asyncio.timeout(interval.total_seconds()):
            await news.wait()
    except TimeoutError:
        return
