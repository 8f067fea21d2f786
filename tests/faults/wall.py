"""Builds the wall: one gateway, one simulator, every cell a service of its own, many cells at once.

Gateway, upstreams and clients share one process, and its timers are short. When the machine lets that
process stand still, what a cell shows is the machine's doing: such cells are asked again, on a new wall.
What decides that is the lateness of the loop alone, never what the cell showed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults import raw_upstreams
from tests.faults.cells import Cell
from tests.faults.certificates import UNTRUSTED, presenting
from tests.faults.endings import MAX_ATTEMPTS, TIMERS
from tests.faults.heard import Heard, ask
from tests.faults.noise import Noise, listening
from tests.gateway.gateway_bench import KEY, Bench, Observations, release, resolve, service, variant

from tidegate.delivery.observation import Observation
from tidegate.delivery.snapshot import ServiceRoute, Timeouts
from tidegate.gateway.app import Gateway
from tidegate.gateway.http.client import Pool
from tidegate.gateway.http.server import listen
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.refusals import render_error
from tidegate.simulator import Simulator
from tidegate.wire.insertion import Insertion

AT_ONCE = 48
DIALECTS = ("openai", "anthropic")
HEALTHY = "healthy answer of {{ model }}"
MOST_WALLS = 6
QUIET_SECONDS = 0.4  # of lateness: half of the shortest timer that silence can run out of


@dataclass
class Seen:
    """What one cell brought.

    Attributes:
        upstream: how the requests to the faulty model ended, as the simulator saw it.
        lost: seconds by which the loop was late meanwhile.
    """

    heard: Heard
    lost: float = 0.0
    rows: list[Observation] = field(default_factory=list)
    upstream: list[str] = field(default_factory=list)

    @property
    def is_disturbed(self) -> bool:
        """Whether the machine had its hand in what was seen."""
        return self.lost > QUIET_SECONDS


@dataclass
class Wall:
    """Every cell, and what was left behind when all were through."""

    seen: dict[str, Seen] = field(default_factory=dict)
    leftovers: dict[str, Any] = field(default_factory=dict)
    bugs: list[str] = field(default_factory=list)

    def extend(self, later: Wall) -> None:
        """Take what ``later`` saw instead; what either left behind stays."""
        self.seen |= later.seen
        self.bugs += later.bugs
        for name, value in later.leftovers.items():
            self.leftovers[name] = self.leftovers[name] or value


async def build_wall(cells: Sequence[Cell]) -> Wall:
    """Ask every cell, the disturbed ones several times."""
    wall = await _ask(cells)
    for _ in range(MOST_WALLS - 1):
        disturbed = [cell for cell in cells if wall.seen[cell.id].is_disturbed]
        if not disturbed:
            break
        wall.extend(await _ask(disturbed))
    return wall


async def _ask(cells: Sequence[Cell]) -> Wall:
    """Ask every cell once."""
    wall = Wall()
    await asyncio.sleep(0.1)  # what made the loop has settled
    tasks, descriptors = len(asyncio.all_tasks()), _descriptors()
    async with AsyncExitStack() as stack:
        bench, simulator = await _set_up(cells, stack, wall)
        await _warm_up(bench)
        places = asyncio.Semaphore(AT_ONCE)
        async with listening() as noise:
            told = await asyncio.gather(*(_see(bench, cell, places, noise) for cell in cells))
        wall.seen = {cell.id: seen for cell, seen in zip(cells, told, strict=True)}
        await _settle(bench, simulator)
        wall.leftovers = _leftovers(bench, simulator)
        _gather(wall, bench, simulator)
        await bench.client.aclose()
        wall.leftovers["open connections of clients"] = bench.server.connections
    await asyncio.sleep(0.2)
    gc.collect()
    wall.leftovers["tasks"] = len(asyncio.all_tasks()) - tasks
    wall.leftovers["descriptors"] = _descriptors() - descriptors
    return wall


def _descriptors() -> set[str]:
    """What is open, by the kernel's name for it."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them
            found.add(str(entry.readlink()))
    return found


async def _set_up(cells: Sequence[Cell], stack: AsyncExitStack, wall: Wall) -> tuple[Bench, Simulator]:
    bench = await stack.enter_async_context(_gateway(wall))
    simulator = await stack.enter_async_context(Simulator(_scenario(cells)))
    for dialect in DIALECTS:
        bench.provide(f"sim-{dialect}", simulator, dialect)
    shared: dict[str, tuple[str, str | None]] = {}
    for cell in cells:
        if cell.row.raw:
            await _provide_raw(bench, cell, stack, shared)
    warm = [service(variant(provider=f"sim-{dialect}"), name=f"warm-{dialect}") for dialect in DIALECTS]
    bench.publish(*map(_service, cells), *warm, lease_seconds=600.0)  # candidates stay in to the end
    return bench, simulator


@asynccontextmanager
async def _gateway(wall: Wall) -> AsyncIterator[Bench]:
    wheel = Wheel(tick=0.01)
    pool = Pool(wheel)
    observations = Observations()
    gateway = Gateway(
        observer=observations,
        pool=pool,
        wheel=wheel,
        resolve=resolve,
        boot=os.urandom(6),
        report_bug=lambda _, error: wall.bugs.append(repr(error)),
        chance=lambda: 0.0,
    )
    server = await listen(("127.0.0.1", 0), gateway.handle, render_error=render_error, wheel=wheel)
    try:
        yield Bench(gateway, server, observations)
    finally:
        await server.drain(0.2)
        pool.close()


def _scenario(cells: Sequence[Cell]) -> dict[str, Any]:
    models = {cell.id: cell.row.behaviour for cell in cells if cell.row.behaviour is not None}
    return {"models": {**models, "*": {"answer": HEALTHY}}, "keep_requests": 10_000}


async def _provide_raw(
    bench: Bench, cell: Cell, stack: AsyncExitStack, shared: dict[str, tuple[str, str | None]]
) -> None:
    """Reused connections need an address of their own; the other raw upstreams are shared."""
    raw = cell.row.raw
    place = shared.get(raw) or await _open_raw(raw, stack)
    if not cell.row.is_primed:
        shared[raw] = place
    url, ca_file = place
    bench.provide(f"raw-{cell.id}", url, cell.dialect, ca_file=ca_file)


async def _open_raw(raw: str, stack: AsyncExitStack) -> tuple[str, str | None]:
    """Address, and the authority to trust where it speaks TLS."""
    if raw in UNTRUSTED:
        return await stack.enter_async_context(presenting(UNTRUSTED[raw]))
    made = getattr(raw_upstreams, raw)
    is_context = raw in {"refusing", "never_accepting"}
    return await stack.enter_async_context(made() if is_context else raw_upstreams.serving(made)), None


def _service(cell: Cell) -> ServiceRoute:
    provider = f"raw-{cell.id}" if cell.row.raw else f"sim-{cell.dialect}"
    timeouts = Timeouts(**TIMERS)
    own: dict[str, Any] = {
        "insertion": Insertion(model=cell.id),
        "provider": provider,
        "timeouts": timeouts,
        "max_attempts": MAX_ATTEMPTS,
    }
    if cell.setting == "candidate":
        healthy = own | {"insertion": Insertion(model=f"{cell.id}.stable"), "provider": f"sim-{cell.dialect}"}
        arms = (variant("stable", weight=0, **healthy), variant("candidate", **own))
        return service(*arms, name=cell.id, release=release(cutoff_failures=1000))
    rescue = (f"sim-{cell.dialect}/{cell.id}.fallback",) if cell.setting == "fallback" else ()
    return service(variant("stable", **own, fallbacks=rescue), name=cell.id)


async def _warm_up(bench: Bench) -> None:
    """What is loaded at its first use is loaded before any timer runs."""
    for dialect in DIALECTS:
        for kind in ("chat", "messages"):
            for is_streamed in (False, True):
                await ask(bench.server.port, KEY, kind, f"warm-{dialect}", is_streamed=is_streamed)
    bench.observations.rows.clear()


async def _see(bench: Bench, cell: Cell, places: asyncio.Semaphore, noise: Noise) -> Seen:
    async with places:
        if cell.row.is_primed:
            await ask(bench.server.port, KEY, cell.kind, cell.id, is_streamed=cell.row.is_streamed)
        before = noise.lost
        heard = await ask(bench.server.port, KEY, cell.kind, cell.id, is_streamed=cell.row.is_streamed)
        return Seen(heard, await noise.up_to_now() - before)


async def _settle(bench: Bench, simulator: Simulator) -> None:
    """What is on its way out gets a moment; what hangs is left for the laws to find."""
    for _ in range(200):
        if not (simulator.stats()["concurrent"] or bench.gateway.in_flight_by_version() or bench.server.in_flight):
            return
        await asyncio.sleep(0.01)


def _leftovers(bench: Bench, simulator: Simulator) -> dict[str, Any]:
    table = bench.gateway.holder.current
    assert table is not None
    legs = [leg for route in table.routes.values() for arm in route.arms for leg in arm.order]
    return {
        "requests at the simulator": simulator.stats()["concurrent"],
        "requests in flight by version": bench.gateway.in_flight_by_version(),
        "requests at the server": bench.server.in_flight,
        "load of providers": sum(leg.account.load.in_flight for leg in legs),
        "unknown services observed": sum(row.service not in table.routes for row in bench.observations.rows),
    }


def _gather(wall: Wall, bench: Bench, simulator: Simulator) -> None:
    for row in bench.observations.rows:
        wall.seen[row.service].rows.append(row)
    for request in simulator.requests:
        if request.model in wall.seen:
            wall.seen[request.model].upstream.append(request.outcome)
