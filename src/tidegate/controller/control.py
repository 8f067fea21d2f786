"""The control plane of one process, composed in the open: what it is made of, in the order it starts and stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, MutableMapping
from datetime import timedelta
from typing import Any

import httpx2
import sqlalchemy as sa
import structlog

from tidegate.controller.allowance import Allowance
from tidegate.controller.attribution import Attribution
from tidegate.controller.chronicle import Chronicle
from tidegate.controller.clock import Clock, SystemClock
from tidegate.controller.control_settings import ControlSettings
from tidegate.controller.drift import DriftQueries
from tidegate.controller.effects import Effects
from tidegate.controller.evaluating import Evaluating
from tidegate.controller.gates.asking import Gate
from tidegate.controller.gates.command import CommandGate
from tidegate.controller.gates.http import HttpGate
from tidegate.controller.gates.running import Gates
from tidegate.controller.gateways import GatewayRegistry
from tidegate.controller.gathering import Gatherer
from tidegate.controller.ingest import Ingest
from tidegate.controller.interleavings import Interleavings
from tidegate.controller.judging import Judging
from tidegate.controller.key_leases import KeyLeases
from tidegate.controller.leadership import Leadership
from tidegate.controller.loop import Controller
from tidegate.controller.measuring import Measurer
from tidegate.controller.mirror_grants import MirrorGrants
from tidegate.controller.news import News
from tidegate.controller.notification import Notifier
from tidegate.controller.opentelemetry.export import OtlpExport
from tidegate.controller.operations import Operations
from tidegate.controller.pair_queries import PairQueries
from tidegate.controller.pin_logs import PinLogs
from tidegate.controller.planning import Planner
from tidegate.controller.previewing import Previews
from tidegate.controller.probe import JUDGE_KEY, OwnCredential, ProbeCredential, Prober, choose_gateway, origin_of
from tidegate.controller.publisher import Publisher
from tidegate.controller.queries import Queries
from tidegate.controller.record_ingest import KEEPERS, RecordIngest, pair_keeper
from tidegate.controller.reports.service_report import ServiceReports
from tidegate.controller.request_log import log_requests
from tidegate.controller.results.reading import Experiments
from tidegate.controller.routing_table import RoutingTableReader
from tidegate.controller.said import Said
from tidegate.controller.sinks.subscriptions import Subscriptions
from tidegate.controller.telemetry.model_servers import ModelServers
from tidegate.controller.telemetry.page import ControlTelemetry
from tidegate.controller.telemetry.stored import read_figures
from tidegate.controller.traffic import TrafficQueries
from tidegate.controller.unit_names import UnitNames
from tidegate.controller.windows import WindowReader, Windows
from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.observation import ObservationBatch
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.records import RecordBatch
from tidegate.delivery.snapshot import Heartbeat, HeartbeatAnswer, LogLevel, MirrorSpending, Provider
from tidegate.loop_lag import watch_loop
from tidegate.registry import audit
from tidegate.registry.database import Database
from tidegate.registry.idempotency import forget_before
from tidegate.registry.providers import list_providers
from tidegate.registry.releases import ReleaseRow, active_releases, list_releases
from tidegate.runtimes.external import ExternalRuntime

_LOG = structlog.get_logger("tidegate.control")
_CLEAN_UP_SECONDS = 60.0
_COMMITS_AT_ONCE = 8
_SCRAPE_SECONDS = 2.0
_IDEMPOTENCY_AGE = timedelta(days=7)


class Control:
    """Everything between :meth:`start` and :meth:`stop`.

    Args:
        state: database of durable truth, migrated.
        observed: database of observations, migrated.
        secrets: literals that provider credentials refer to as ``memory:NAME``; may grow later, followed by
            ``operations.routing_changed()``.
        client: for probes; ``None`` makes one.

    Attributes:
        on_log_level: called when somebody asks for another level of logs.

    Raises:
        OperatorError: OTLP is asked for and OpenTelemetry is not installed.
    """

    def __init__(
        self,
        state: Database,
        observed: Database,
        settings: ControlSettings,
        *,
        clock: Clock | None = None,
        secrets: MutableMapping[str, str] | None = None,
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.state = state
        self.observed = observed
        self.settings = settings
        self.clock = clock or SystemClock()
        self.secrets = secrets if secrets is not None else {}
        self._client = client or httpx2.AsyncClient(trust_env=False)
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted = asyncio.Event()
        self._export = OtlpExport(settings.telemetry.otlp) if settings.telemetry.otlp is not None else None
        self.on_log_level: Callable[[LogLevel], None] = lambda _: None
        self._remembered_epoch: int | None = None  # of our reign for which all releases were learnt
        self._compose()

    def _compose(self) -> None:
        state, clock, settings = self.state, self.clock, self.settings
        credential, windows, news = ProbeCredential(), Windows(), News()
        self.news = news
        judge = OwnCredential(JUDGE_KEY, "invoke")
        table = RoutingTableReader(
            probe_key=credential.key,
            judge_key=judge.key,
            lease_seconds=settings.lease_seconds,
            open_access=settings.open_access,
        )
        self.windows = windows
        reader = WindowReader(state, windows, self._knows_windows)
        self.publisher = Publisher(state, clock, table.read, lambda: self.secrets)
        self.gateways = GatewayRegistry(clock, settings.lease_seconds)
        self.ingest = Ingest(
            self.observed,
            clock,
            learn=reader.learn,
            is_sample=windows.is_sample,
            is_compared=windows.is_compared,
            is_late=windows.is_late,
            retention=settings.retention,
        )
        pairs = pair_keeper(windows.is_sample, reader.learn)
        told = self._export.learn_copies if self._export is not None else None
        self.records = RecordIngest(self.observed, clock, {**KEEPERS, PairRecord: pairs}, told)
        self.pins = PinLogs(settings.leader)
        self.grants = MirrorGrants(self._bounds_of, self._live_boots)
        self.key_leases = KeyLeases(self.observed, clock, lambda: self.publisher.keys, self.gateways)
        self.attribution = Attribution(
            self.observed,
            clock,
            is_leading=lambda: self.leadership.epoch is not None,
            step_of=Interleavings(state).step_of,
        )
        self.said = Said(state, self.observed, clock, self.publisher, self.attribution)
        self.judging = Judging(
            state,
            self.observed,
            clock,
            self._client,
            judge,
            self.gateways,
            is_leading=lambda: self.leadership.epoch is not None,
        )
        self.leadership = Leadership(
            state,
            clock,
            self.publisher,
            self.gateways,
            leader=settings.leader,
            lease=timedelta(seconds=settings.lease_seconds),
            is_sole=settings.is_sole,
            on_lead=self._remember_releases,
        )
        runtime = ExternalRuntime(self._providers)
        prober = Prober(self._client, credential, clock)
        self.drift = DriftQueries(self.observed, clock)
        self.measurer = Measurer(clock, settings.metrics, self.drift.of_version)
        kinds: dict[str, Gate] = {"command": CommandGate(settings.programs), "http": HttpGate(self._client)}
        self.evaluating = Evaluating(state, clock, kinds, settings.programs, self._gateway_origin)
        gates = Gates(kinds, clock, self._wanted.set, self.evaluating.record)
        self.effects = Effects(
            state, clock, self.leadership, table, self.gateways, runtime, prober, gates, self._wanted.set
        )
        gatherer = Gatherer(
            state,
            self.observed,
            table,
            self.publisher,
            self.gateways,
            self.ingest,
            runtime,
            self.effects.probe_of,
            gates.answers_of,
            self.measurer,
        )
        subscriptions = Subscriptions(settings.sinks, settings.programs, self._client, clock)
        self.allowance = Allowance(settings.programs, subscriptions)
        self.notifier = Notifier(state, clock, subscriptions, is_leading=lambda: self.leadership.epoch is not None)
        self.chronicle = Chronicle(self.observed, clock)
        self._model_servers = ModelServers(self._client, self._server_metrics)
        self.telemetry = ControlTelemetry(
            self.publisher,
            self.gateways,
            self.ingest,
            lambda: self.leadership.epoch is not None,
            self._model_servers.families,
        )
        self.controller = Controller(
            state,
            clock,
            self.leadership,
            gatherer,
            self.publisher,
            self.effects,
            windows,
            news,
            self._wanted,
            hearers=subscriptions,
            on_committed=self._committed,
            commits_at_once=1 if state.url.startswith("sqlite") else _COMMITS_AT_ONCE,
            interval=settings.interval,
        )
        self.operations = Operations(
            state,
            clock,
            self.publisher,
            self.allowance,
            settings.alerts,
            self.notifier.wake,
            self._wanted.set,
            self.measurer.check,
            UnitNames(self.observed, self.publisher).check,
        )
        self.experiments = Experiments(state, self.observed)
        self.queries = Queries(state, self.observed, clock, self.publisher, self.gateways, news, self.pins.pin_of)
        self.previews = Previews(state, table, self.publisher)
        self.pairs = PairQueries(self.observed)
        self.traffic = TrafficQueries(self.observed, clock)
        self.reports = ServiceReports(self.observed, clock, self.queries, self.traffic, self.drift)
        self.planner = Planner(state, self.observed, clock)

    async def start(self, *, is_background: bool = True) -> None:
        """Take the lead if it is free, publish the first snapshot, begin to work.

        Args:
            is_background: run the loops; otherwise whoever starts it calls ``controller.reconcile()``.
        """
        await self.leadership.keep()
        await self._remember_releases()
        await self.publisher.refresh()
        if self._export is not None:
            self._export.start()
        if is_background:
            loops: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
                "controller": self.controller.run,
                "notifier": self.notifier.run,
                "chronicle": self.chronicle.run,
                "attribution": self.attribution.run,
                "judging": self.judging.run,
                "key-leases": self.key_leases.run,
                "clean-up": self._clean_up_for_ever,
                "model-servers": self._model_servers.run,
                "loop-lag": lambda: watch_loop(self.telemetry.loop_lag.observe),
            }
            self._tasks = [asyncio.create_task(loop(), name=name) for name, loop in loops.items()]

    async def stop(self) -> None:
        """End everything and hand the lead over; the databases stay open for their owner."""
        self.publisher.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.effects.stop()
        await self.evaluating.stop()
        if self._export is not None:
            await asyncio.to_thread(self._export.stop)
        await self.measurer.stop()
        await self._client.aclose()
        await self.leadership.resign()

    async def watch(self, gateway: str, boot_id: str) -> AsyncIterator[bytes]:
        """Lines for one gateway (the link)."""
        _LOG.info("gateway_watches", gateway=gateway, boot_id=boot_id)
        async for line in self.publisher.watch(lambda: self.gateways.renewed(gateway, boot_id)):
            yield line

    def hear(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        """Take a heartbeat (the link); news wakes the controller. Only who leads lends and passes pins on."""
        if self.gateways.hear(heartbeat):
            self._wanted.set()
        grants = self.grants.answer(heartbeat)
        self.key_leases.hear(heartbeat)
        if self.leadership.epoch is None:
            return HeartbeatAnswer(is_leading=False)
        return HeartbeatAnswer(grants=grants, pins=self.pins.answer(heartbeat), keys=self.key_leases.lend(heartbeat))

    async def store(self, batch: ObservationBatch) -> bool:
        """Store a batch (the link), whoever leads; what was new is told to the logs and to OpenTelemetry."""
        is_new = await self.ingest.store(batch)
        if is_new and (self._export is not None or self.settings.telemetry.request_log != "off"):
            rows = [row for row in batch.rows if not row.is_open]
            log_requests(rows, self.settings.telemetry.request_log)
            if self._export is not None:
                self._export.learn(rows)
        return is_new

    async def set_log_level(self, level: LogLevel, *, actor: str) -> None:
        """Have this process and the gateways that follow it log ``level`` and above."""
        now = self.clock.now()
        await self.state.transact(
            lambda connection: audit.append(connection, actor, "log_level.set", "logs", {"level": level}, now)
        )
        self.publisher.log_level = level
        self.on_log_level(level)

    async def store_records(self, batch: RecordBatch) -> bool:
        """Store a batch of records (the link)."""
        return await self.records.store(batch)

    async def clean_up(self) -> None:
        """Forget what is over its bounds, and tell the audit head to where nobody can rewrite it."""
        await self.ingest.clean_up()
        await self.records.clean_up()
        await self.said.clean_up()
        await self.chronicle.clean_up()
        old = self.clock.now() - _IDEMPOTENCY_AGE
        await self.state.transact(lambda connection: forget_before(connection, old))
        async with self.state.read() as connection:
            head = await audit.head(connection)
        if head != self.telemetry.audit_head:
            self.telemetry.audit_head = head
            _LOG.info("audit_head", seq=head.seq, hash=head.hash)

    async def telemetry_page(self) -> bytes:
        """The Prometheus page; what the database knows is left out while it does not answer."""
        try:
            async with asyncio.timeout(_SCRAPE_SECONDS):
                self.telemetry.stored = await read_figures(self.state)
        except (sa.exc.SQLAlchemyError, OSError, TimeoutError) as error:
            self.telemetry.stored = None
            _LOG.warning("figures_unreadable", error=repr(error))
        return self.telemetry.page()

    async def _server_metrics(self) -> dict[str, str]:
        async with self.state.read() as connection:
            found = await list_providers(connection)
        return {each.name: each.spec.server_metrics for each in found if each.spec.server_metrics}

    def _providers(self) -> dict[str, Provider]:
        return self.publisher.current.providers if self.publisher.is_ready else {}

    def _live_boots(self) -> frozenset[str]:
        return frozenset(view.heartbeat.boot_id for view in self.gateways.live())

    def _gateway_origin(self) -> str:
        """Where a suite finds a gateway, "" without one."""
        address = choose_gateway([view.heartbeat.address for view in self.gateways.reachable()], 0)
        return "" if address is None else origin_of(address)

    def _bounds_of(self, told: MirrorSpending) -> Mirroring | None:
        """What bounds the copies that a gateway tells of, if they are still wanted."""
        route = self.publisher.current.services.get(told.service) if self.publisher.is_ready else None
        release = route.release if route is not None else None
        if release is None or (release.id, release.attempt, release.step) != (told.release, told.attempt, told.step):
            return None
        return release.mirroring

    def _committed(self, row: ReleaseRow) -> None:
        self.telemetry.learn(row)
        self.chronicle.learn(row)
        self.grants.learn(row)
        self.pins.learn(row)
        self.notifier.wake()
        if row.phase.is_terminal:
            self.ingest.ended(row.id)
            self.measurer.forget(row.id)

    def _knows_windows(self) -> bool:
        return self.leadership.is_certain and self.leadership.epoch == self._remembered_epoch

    async def _remember_releases(self) -> None:
        epoch = self.leadership.epoch
        async with self.state.read() as connection:
            for row in (*reversed(await list_releases(connection, limit=500)), *await active_releases(connection)):
                self.telemetry.learn(row)
                self.windows.learn(row)
                self.grants.learn(row)
                if row.phase.is_terminal:
                    self.ingest.ended(row.id)
        self._remembered_epoch = epoch

    async def _clean_up_for_ever(self) -> None:
        while True:
            try:
                await self.clean_up()
            except Exception as error:
                _LOG.warning("clean_up_failed", error=repr(error))
            await asyncio.sleep(_CLEAN_UP_SECONDS)
