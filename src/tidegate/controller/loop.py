"""The controller: gather, decide, commit, carry out — each interval, and at once when there is news.

Services are decided independently of each other: one that fails or hangs delays nobody else's rollback. Within
a service its oldest release comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from tidegate.controller.clock import Clock, JumpDetector
from tidegate.controller.committing import Lead, commit_decision, is_worth_committing
from tidegate.controller.effects import Effects
from tidegate.controller.gathering import Case, Gatherer
from tidegate.controller.leadership import Leadership
from tidegate.controller.news import News
from tidegate.controller.publisher import Publisher
from tidegate.controller.windows import Windows
from tidegate.delivery.commands import WriteRouting
from tidegate.delivery.decide import decide
from tidegate.delivery.decision import Decision
from tidegate.registry.cluster import StaleLeaderError
from tidegate.registry.database import Database
from tidegate.registry.releases import ReleaseChangedError, ReleaseRow

_LOG = structlog.get_logger("tidegate.controller")
_SERVICES_AT_ONCE = 8
_SERVICE_SECONDS = 15.0  # after which a service's pass is given up, and tried again in the next one
_PASSES_IN_A_ROW = 20  # before the loop takes a breath, however much happens


class Controller:
    """Runs reconcile passes while this process leads.

    Args:
        wanted: set by whoever has news, to have a pass made at once.
        sinks: names of the outbox's sinks.
        on_committed: called after each commit (the notifier, telemetry).
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
        sinks: tuple[str, ...],
        on_committed: Callable[[ReleaseRow], None],
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
        self._sinks = sinks
        self._on_committed = on_committed
        self._interval = interval
        self._jumps = JumpDetector(clock)
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
        epoch = await self._leadership.keep()
        try:
            await self._publisher.refresh()
            if epoch is None:
                return False
            return await self._decide_all(epoch)
        except StaleLeaderError:
            self._leadership.lose()
            return False

    async def _decide_all(self, epoch: int) -> bool:
        jump = self._jumps.jump()
        gathered = await self._gatherer.gather(epoch, self._jump_of)
        if jump:
            gathered = await self._after_jump(epoch, gathered, jump)
        gate = asyncio.Semaphore(_SERVICES_AT_ONCE)
        results = await asyncio.gather(
            *(self._decide_service(epoch, service, cases, gate) for service, cases in gathered.items()),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, StaleLeaderError):
                raise result
        return any(result is True for result in results)

    async def _after_jump(self, epoch: int, gathered: dict[str, list[Case]], jump: timedelta) -> dict[str, list[Case]]:
        _LOG.warning("clock_jumped", seconds=jump.total_seconds())
        for cases in gathered.values():
            for case in cases:
                self._unsettled_jumps[case.row.id] = self._jump_of(case.row.id) + jump
        return await self._gatherer.gather(epoch, self._jump_of)

    def _jump_of(self, release: str) -> timedelta:
        return self._unsettled_jumps.get(release, timedelta())

    async def _decide_service(self, epoch: int, service: str, cases: list[Case], gate: asyncio.Semaphore) -> bool:
        """Each release of one service in turn; after a change the next one waits for a fresh look."""
        async with gate:
            try:
                async with asyncio.timeout(_SERVICE_SECONDS):
                    for case in cases:
                        if await self._decide_case(epoch, case):
                            return True
            except StaleLeaderError:
                raise
            except ReleaseChangedError:
                return True
            except Exception as error:
                _LOG.error("service_pass_failed", service=service, error=repr(error))
        return False

    async def _decide_case(self, epoch: int, case: Case) -> bool:
        """Decide, commit, carry out; whether the release moved."""
        now = self._clock.now()
        decision = decide(case.row.spec, case.row.state, case.intents, case.facts, now)
        if is_worth_committing(case, decision):
            lead = Lead(self._leadership.leader, epoch)
            row = await self._database.transact(
                lambda connection: commit_decision(connection, lead, case, decision, sinks=self._sinks, now=now)
            )
            self._settled(row)
        await self._carry_out(case, decision)
        return bool(decision.transitions)

    def _settled(self, row: ReleaseRow) -> None:
        self._unsettled_jumps.pop(row.id, None)
        self._windows.learn(row)
        self._on_committed(row)
        self._news.tell()

    async def _carry_out(self, case: Case, decision: Decision) -> None:
        if any(isinstance(command, WriteRouting) for command in decision.commands):
            await self._publisher.refresh()
        self._effects.carry_out(case, decision.commands)
        if decision.state.phase.is_terminal:
            self._effects.forget(case.row.id)


async def _wait(news: asyncio.Event, interval: timedelta) -> None:
    try:
        async with asyncio.timeout(interval.total_seconds()):
            await news.wait()
    except TimeoutError:
        return
