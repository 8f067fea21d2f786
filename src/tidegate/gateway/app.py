"""The gateway as one object: front doors, and what a process needs to tell of it."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from tidegate.delivery.limits.lending import KeyUse
from tidegate.delivery.observation import Observation
from tidegate.delivery.snapshot import (
    BreakerState,
    Cutoff,
    HeartbeatAnswer,
    MirrorSpending,
    PinReport,
    SlowAfter,
    Snapshot,
)
from tidegate.gateway.alarm import Alarms
from tidegate.gateway.call import call_of
from tidegate.gateway.complaints import Complaints
from tidegate.gateway.content import ContentKeeper
from tidegate.gateway.cutoff import Cutoffs
from tidegate.gateway.feedback import accepted, take_feedback
from tidegate.gateway.holder import TableHolder
from tidegate.gateway.http.client import Pool
from tidegate.gateway.http.server import Request, Responder
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.limits.limiters import Limiters
from tidegate.gateway.mirror.mirrors import Mirrors
from tidegate.gateway.model_pages import one_model, some_models
from tidegate.gateway.overdue import Overdue
from tidegate.gateway.pins import Pins
from tidegate.gateway.pipeline import serve
from tidegate.gateway.process_figures import ProcessFigures
from tidegate.gateway.records import Records
from tidegate.gateway.refusals import JSON, Header, Refusal, guessed_dialect
from tidegate.gateway.siblings import PAGE_HEADERS
from tidegate.gateway.stages import principal_of
from tidegate.gateway.table import RoutingTable
from tidegate.gateway.table_compiler import compile_table
from tidegate.gateway.telemetry import Telemetry
from tidegate.gateway.telemetry_page import render
from tidegate.gateway.upstreams import FindProxy, ResolveSecret, Upstreams
from tidegate.wire.dialect_errors import error_body
from tidegate.wire.kinds import KINDS_BY_PATH, Kind

_TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")
_MODELS = "/v1/models"
_FEEDBACK = "/v1/feedback"


Page = Callable[[Request, Responder], Awaitable[None] | None]


class Recorder(Protocol):
    """Where observations go; ``record`` must neither wait nor fail."""

    @property
    def record(self) -> Callable[[Observation], object]:
        """Takes one observation."""
        ...


class Gateway:
    """The data plane of one process. :meth:`handle` is what the HTTP server calls.

    Args:
        observer: takes one observation per request.
        records: takes feedback, kept content and mirrored pairs; ``None`` makes one that nobody empties.
        pool: connections to upstreams.
        wheel: the event loop's timers.
        resolve: gives the secrets that snapshots refer to.
        boot: six bytes that differ between processes.
        find_proxy: gives the proxy for a provider's address.
        dropped, records_dropped: asked when scraped: what was lost since the start.
        identity: of this gateway, a label of its telemetry; "" for none.
        report_bug: told of our own bugs: request id and exception.
        report_problem: told once, in a sentence, of each provider that cannot be used (a missing secret).
        report_trouble: told now and then, in a sentence, of each provider that could not be reached.
        on_cut: told when a candidate is cut off.
        chance: uniform in [0, 1), for jitter.
        clock_ns: nanoseconds since the Unix epoch.

    Attributes:
        holder: the table in force; put snapshots there.
        limiters: what keys with limits have used here.
        complaints: hears of providers that could not be asked.
        figures: what the process uses, for its Prometheus page.
        overdue: requests of releases that are under way.
        page: makes the Prometheus page; of this process alone, unless somebody who knows its siblings replaces it.
        is_draining: no new requests are wanted; ``/readyz`` says so.
    """

    def __init__(
        self,
        *,
        observer: Recorder,
        pool: Pool,
        wheel: Wheel,
        resolve: ResolveSecret,
        boot: bytes,
        find_proxy: FindProxy = lambda _: None,
        records: Records | None = None,
        dropped: Callable[[], int] = lambda: 0,
        records_dropped: Callable[[], int] = lambda: 0,
        identity: str = "",
        report_bug: Callable[[str, Exception], None] = lambda _id, _error: None,
        report_problem: Callable[[str], None] = lambda _sentence: None,
        report_trouble: Callable[[str], None] = lambda _sentence: None,
        on_cut: Callable[[], None] = lambda: None,
        chance: Callable[[], float] = random.random,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.observer = observer
        self.records = records if records is not None else Records("", "")
        self.content = ContentKeeper(self.records)
        self.pool = pool
        self.alarms = Alarms(wheel)
        self.telemetry = Telemetry(dropped, lambda: records_dropped() + self.content.dropped, identity)
        self.figures = ProcessFigures()
        self.page: Callable[[], Awaitable[bytes]] = self.own_page
        self.trials = Cutoffs(on_cut)
        self.mirrors = Mirrors(self.records.put)
        self.pins = Pins()
        self.telemetry.mirrors = self.mirrors.totals
        self.telemetry.pins = lambda: self.pins.figures
        self.chance = chance
        self.report_bug = report_bug
        self._report_problem = report_problem
        self.complaints = Complaints(report_trouble)
        self._problems: frozenset[str] = frozenset()
        self.holder: TableHolder[RoutingTable] = TableHolder(self.compile)
        self.limiters = Limiters(lambda: self.holder.is_lease_valid)
        self.telemetry.limiters = self.limiters.every
        self.overdue = Overdue(observer.record, self._slow)
        self.is_draining = False
        self._upstreams = Upstreams(resolve, find_proxy)
        self._boot = boot
        self._clock_ns = clock_ns
        self._pages: dict[str, Page] = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._metrics,
            _MODELS: self._models,
            _FEEDBACK: self._feedback,
        }

    def compile(self, snapshot: Snapshot, secrets: Mapping[str, str]) -> RoutingTable:
        """Compile a snapshot for this process; cut-offs of releases it does not know any more are lifted.

        Raises:
            InvalidInputError: see :func:`compile_table`.
        """
        table = compile_table(
            snapshot,
            secrets,
            upstreams=self._upstreams,
            telemetry=self.telemetry,
            boot=self._boot,
            pins=self.pins,
            limiters=self.limiters,
        )
        self.trials.keep(table.trials())
        self.mirrors.keep(table.mirrors())
        self.pins.keep(table.pins())
        self.telemetry.show_table(snapshot.revision, table.weights())
        problems = frozenset(table.problems())
        for problem in sorted(problems - self._problems):
            self._report_problem(problem)
        self._problems = problems
        return table

    def handle(self, request: Request, responder: Responder) -> Awaitable[None] | None:
        """Serve one request to its end; what is returned has to be awaited, else callbacks do it."""
        kind = KINDS_BY_PATH.get(request.path)
        if kind is not None and request.method == b"POST" and (table := self.holder.current) is not None:
            return serve(call_of(self, table, kind, request, responder, self._clock_ns() // 1000))
        return self._beside(request, responder, kind)

    def _slow(self) -> dict[str, SlowAfter]:
        table = self.holder.current
        return table.snapshot.slow if table is not None else {}

    def in_flight_by_version(self) -> dict[str, int]:
        """Requests under way by version reference."""
        return self.telemetry.in_flight()

    def breaker_states(self) -> tuple[BreakerState, ...]:
        """Deployments that are not simply admitting."""
        return self._upstreams.breaker_states(time.monotonic())

    def cutoffs(self) -> tuple[Cutoff, ...]:
        """Candidates this gateway stopped using on its own."""
        return self.trials.report()

    def mirror_spending(self) -> tuple[MirrorSpending, ...]:
        """What copies have cost, where money or tokens bound them."""
        return self.mirrors.spending()

    def pin_reports(self) -> tuple[PinReport, ...]:
        """Conversations pinned here that control has not been told of."""
        return self.pins.report()

    def key_uses(self) -> tuple[KeyUse, ...]:
        """What is wanted and used of keys with limits."""
        return self.limiters.uses(self._clock_ns() // 1000)

    def heard(self, answer: HeartbeatAnswer) -> None:
        """What control says to a heartbeat."""
        self.limiters.take_grants(answer.keys)
        self.mirrors.take_grants(answer.grants)
        self.pins.learn(answer.pins)

    async def _beside(self, request: Request, responder: Responder, kind: Kind | None) -> None:
        """Everything that is not a request to a model."""
        try:
            waiting = self._page(request, kind)(request, responder)
            if waiting is not None:
                await waiting
        except Refusal as refusal:
            dialect = guessed_dialect(request.path, request.headers)
            body = error_body(dialect, refusal.status, refusal.code, refusal.message)
            responder.send(refusal.status, (JSON, *refusal.headers), body)

    def _page(self, request: Request, kind: Kind | None) -> Page:
        path = request.path
        page = self._pages.get(path)
        if page is None and path.startswith(f"{_MODELS}/"):
            page = self._model
        allowed = (b"POST",) if kind is not None or path == _FEEDBACK else (b"GET", b"HEAD")
        if page is None and kind is None:
            raise Refusal(404, "unknown_path", f"there is nothing at {path}; the API is under /v1")
        if request.method not in allowed:
            method = request.method.decode("ascii", "replace")
            raise Refusal(
                405, "method_not_allowed", f"{path} does not take {method}", ((b"allow", b", ".join(allowed)),)
            )
        if page is None:
            raise _not_ready()
        return page

    def _health(self, _request: Request, responder: Responder) -> None:
        responder.send(200, (_TEXT,), b"ok\n")

    def _readiness(self, _request: Request, responder: Responder) -> None:
        if self.is_draining:
            responder.send(503, (_TEXT,), b"draining\n")
        elif self.holder.current is None:
            responder.send(503, (_TEXT,), b"no snapshot yet\n")
        else:
            responder.send(200, (_TEXT,), b"ready\n")

    async def own_page(self) -> bytes:
        """The Prometheus page of this process alone."""
        return await render(self.telemetry, self.figures)

    async def _metrics(self, _request: Request, responder: Responder) -> None:
        responder.send(200, PAGE_HEADERS, await self.page())

    def _models(self, request: Request, responder: Responder) -> None:
        responder.send(200, (JSON,), some_models(self._usable(request), is_anthropic=_is_anthropic(request)))

    def _model(self, request: Request, responder: Responder) -> None:
        name = request.path.removeprefix(f"{_MODELS}/")
        if name not in self._usable(request):
            raise Refusal(
                404, "model_not_found", f"there is no service {name!r}; GET {_MODELS} lists those you may use"
            )
        responder.send(200, (JSON,), one_model(name, is_anthropic=_is_anthropic(request)))

    def _feedback(self, request: Request, responder: Responder) -> None:
        record = take_feedback(self._table(), request, self._clock_ns() // 1000)
        self.records.put(record)
        responder.send(202, (JSON,), accepted(record))

    def _usable(self, request: Request) -> list[str]:
        """Services that the request's key may use."""
        table = self._table()
        principal = principal_of(table, request.headers)
        return sorted(name for name in table.routes if principal.may_use(name))

    def _table(self) -> RoutingTable:
        """The table in force, for what is no request to a model."""
        table = self.holder.current
        if table is None:
            raise _not_ready()
        return table


def _is_anthropic(request: Request) -> bool:
    return b"anthropic-version" in request.headers


def _not_ready() -> Refusal:
    return Refusal(503, "not_ready", "the gateway has no snapshot yet; try again shortly", ((b"retry-after", b"1"),))
