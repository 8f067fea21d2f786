"""Carries out what decisions wish for, in the background and each wish once at a time.

Nothing here is remembered across a crash: the next decision asks again for whatever its state still needs.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Coroutine
from functools import reduce
from typing import Any

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.clock import Clock
from tidegate.controller.gates.asking import Question
from tidegate.controller.gates.running import Gates
from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.gathering import Case
from tidegate.controller.leadership import Leadership
from tidegate.controller.probe import Prober, ProbeReport, ProbeUnansweredError, choose_gateway, origin_of
from tidegate.controller.routing_table import RoutingTableReader
from tidegate.delivery.bundle import Bundle
from tidegate.delivery.commands import Command, Deploy, RunGate, RunProbe, TearDown
from tidegate.delivery.facts import ProbeResult
from tidegate.registry import audit
from tidegate.registry.cluster import fence
from tidegate.registry.database import Database
from tidegate.runtimes.external import Runtime

_LOG = structlog.get_logger("tidegate.effects")
_RUNTIME_SECONDS = 60.0
_RETRY_SECONDS = 1.0  # between two tries of a probe that nobody answered


class Effects:
    """The hands of the controller.

    Args:
        wake: makes the controller look at once.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        leadership: Leadership,
        table: RoutingTableReader,
        gateways: GatewayRegistry,
        runtime: Runtime,
        prober: Prober,
        gates: Gates,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._leadership = leadership
        self._table = table
        self._gateways = gateways
        self._runtime = runtime
        self._prober = prober
        self._gates = gates
        self._wake = wake
        self._probes: dict[str, ProbeReport] = {}  # by release, of its latest probed attempt
        self._tries: dict[str, int] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def probe_of(self, release: str) -> ProbeResult | None:
        """The last probe result of a release."""
        report = self._probes.get(release)
        return None if report is None else report.result

    def carry_out(self, case: Case, commands: tuple[Command, ...]) -> None:
        """Begin each wish that is not under way; returns at once."""
        for command in commands:
            match command:
                case RunGate():
                    self._ask_gate(case, command)
                case RunProbe():
                    self._begin(command.key, self._probe(case, command))
                case Deploy(version=version):
                    self._begin(command.key, self._deploy(version))
                case TearDown(version=version):
                    self._begin(command.key, self._runtime.tear_down(version))
                case _:
                    continue

    def leave_gating(self, release: str) -> None:
        """No gate's answer is needed any more; what was asked is ended."""
        self._gates.forget(release)

    def stand_down(self) -> None:
        """Another process leads, and asks for itself."""
        self._gates.forget_all()

    def forget(self, release: str) -> None:
        """The release ended; its probe says nothing any more."""
        self._probes.pop(release, None)

    async def settle(self) -> None:
        """Wait until everything under way is done."""
        await self._gates.settle()
        while self._running:
            await asyncio.wait(self._running.values())
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Give up whatever is under way."""
        await self._gates.stop()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        if key in self._running:
            work.close()
            return
        task = asyncio.create_task(self._guarded(key, work), name=f"effect-{key}")
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _guarded(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            _LOG.warning("effect_failed", key=key, error=str(error))

    def _ask_gate(self, case: Case, command: RunGate) -> None:
        address = choose_gateway([view.heartbeat.address for view in self._gateways.reachable()], command.attempt)
        self._gates.ask(
            Question(
                key=command.key,
                spec=case.row.spec.gates[command.gate],
                number=command.gate,
                service=case.row.service,
                version=command.version,
                stable=case.row.state.stable or "",
                release=command.release,
                attempt=command.attempt,
                gateway="" if address is None else origin_of(address),
            )
        )

    async def _deploy(self, version: str) -> None:
        async with self._database.read() as connection:
            bundle = await self._table.bundle(connection, version)
        async with asyncio.timeout(_RUNTIME_SECONDS):
            await self._runtime.deploy(version, bundle)
        self._wake()

    async def _probe(self, case: Case, command: RunProbe) -> None:
        addresses = [view.heartbeat.address for view in self._gateways.reachable()]
        tries = self._tries[command.key] = self._tries.get(command.key, -1) + 1
        address = choose_gateway(addresses, tries)
        if address is None:
            await asyncio.sleep(_RETRY_SECONDS)
            return
        async with self._database.read() as connection:
            bundles = {version: await self._table.bundle(connection, version) for version in command.versions}
        reports = []
        for version, bundle in bundles.items():
            try:
                reports.append(await self._probe_version(case, command, address, version, bundle))
            except ProbeUnansweredError as error:
                _LOG.info("probe_unanswered", release=command.release, version=version, error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                return
        self._probes[command.release] = report = reduce(operator.add, reports)
        self._tries.pop(command.key, None)
        await self._record(case, report)
        self._wake()

    async def _probe_version(
        self, case: Case, command: RunProbe, address: str, version: str, bundle: Bundle
    ) -> ProbeReport:
        return await self._prober.run(
            address,
            service=case.row.service,
            reference=version,
            attempt=command.attempt,
            spec=case.row.spec.probe,
            endpoint=str(bundle.requirements.get("endpoint", "chat")),
            request_seconds=case.facts.request_timeout.total_seconds(),
        )

    async def _record(self, case: Case, report: ProbeReport) -> None:
        """Keep the answers as evidence in the audit log, for whoever asks why."""
        epoch, now, result = self._leadership.epoch, self._clock.now(), report.result
        if epoch is None:
            return
        sentence = f"{case.row.candidate} answered {result.answered} of {result.answered + result.failed} probes"
        detail = {
            "service": case.row.service,
            "version": case.row.candidate,
            "sentence": f"{sentence}: {result.detail}." if result.detail else f"{sentence}.",
            **msgspec.to_builtins(report),
        }

        async def write(connection: AsyncConnection) -> None:
            await fence(connection, self._leadership.leader, epoch)
            await audit.append(connection, "tidegate", "release.probed", case.row.id, detail, now)

        await self._database.transact(write)
