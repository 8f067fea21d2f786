"""Fixtures: a gateway over real sockets, with simulated models behind it."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.gateway.gateway_bench import Bench, Observations, StartSimulator, resolve

from tidegate.gateway.app import Gateway
from tidegate.gateway.http.client import Pool
from tidegate.gateway.http.server import listen
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.refusals import render_error
from tidegate.simulator import Simulator


@pytest.fixture
async def simulate() -> AsyncIterator[StartSimulator]:
    """Starts simulators: ``await simulate({"stable-model": {...}})``; other models echo."""
    running: list[Simulator] = []

    async def start(models: dict[str, Any] | None = None, **scenario: Any) -> Simulator:
        simulator = Simulator({"models": {**(models or {}), "*": {"answer": "fine"}}, **scenario})
        await simulator.__aenter__()
        running.append(simulator)
        return simulator

    yield start
    for simulator in running:
        await simulator.__aexit__(None, None, None)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A gateway without a snapshot yet."""
    wheel = Wheel(tick=0.01)
    pool = Pool(wheel)
    observations = Observations()
    bugs: list[Exception] = []
    gateway = Gateway(
        observer=observations,
        pool=pool,
        wheel=wheel,
        resolve=resolve,
        boot=os.urandom(6),
        report_bug=lambda _, error: bugs.append(error),
        chance=lambda: 0.0,
        records=observations.records,
    )
    server = await listen(("127.0.0.1", 0), gateway.handle, render_error=render_error, wheel=wheel)
    made = Bench(gateway, server, observations)
    try:
        yield made
    finally:
        await made.client.aclose()
        await server.drain(0.2)
        pool.close()
    if bugs:
        raise bugs[0]


@pytest.fixture
def closed_port() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
