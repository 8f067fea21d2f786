"""A gateway process and the simulated models behind it, for clients in this or other processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.e2e.clients.services import BEHAVIOURS, PROVIDER_KEY, PROVIDER_KEY_VARIABLE, snapshot

from tidegate.gateway.process import GatewaySettings
from tidegate.gateway.stored_snapshot import save_snapshot
from tidegate.simulator import Simulator
from tidegate.simulator.journal import RecordedRequest

_PATIENCE_SECONDS = 20.0


class SimulatorThread:
    """A simulator on an event loop of its own, so that blocking clients can be tested."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._simulator = Simulator({"models": BEHAVIOURS, "api_key": PROVIDER_KEY, "keep_requests": 500})
        self._run(self._simulator.__aenter__())
        self.url = self._simulator.url

    @property
    def requests(self) -> list[RecordedRequest]:
        """Requests since the last reset, oldest first."""
        return self._simulator.requests

    @property
    def last(self) -> Any:
        """The body of the last request."""
        return self.requests[-1].body

    def stats(self) -> dict[str, Any]:
        """Counts since the last reset."""
        return self._simulator.stats()

    def reset(self) -> None:
        """Forget requests and counts."""

        async def forget() -> None:
            self._simulator.reset()

        self._run(forget())

    def until(self, holds: Callable[[dict[str, Any]], bool], seconds: float = 5.0) -> dict[str, Any]:
        """Wait until the counts are as expected; returns them."""
        deadline = time.monotonic() + seconds
        while not holds(self.stats()):
            assert time.monotonic() < deadline, f"never came about, the counts are {self.stats()}"
            time.sleep(0.01)
        return self.stats()

    def close(self) -> None:
        """Stop serving."""
        self._run(self._simulator.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE_SECONDS)


class GatewayStack:
    """What clients are given: addresses, and the models' side to look at."""

    def __init__(self, url: str, simulator: SimulatorThread) -> None:
        self.url = url
        self.simulator = simulator

    @property
    def openai_url(self) -> str:
        """``base_url`` for OpenAI clients."""
        return f"{self.url}/v1"


@contextmanager
def gateway_stack(folder: Path) -> Iterator[GatewayStack]:
    """Start everything, without a control plane: the gateway serves from its stored snapshot."""
    simulator = SimulatorThread()
    try:
        save_snapshot(folder, snapshot(simulator.url))
        with _gateway_process(folder) as url:
            yield GatewayStack(url, simulator)
    finally:
        simulator.close()


@contextmanager
def _gateway_process(folder: Path) -> Iterator[str]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket() as nobody,
        (folder / "log").open("wb") as log,
    ):
        nobody.bind(("127.0.0.1", 0))  # bound but not listening: control is away for good
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = GatewaySettings(
            id="clients",
            folder=str(folder),
            control_url=f"http://127.0.0.1:{nobody.getsockname()[1]}",
            listen_fd=listener.fileno(),
            drain_seconds=1.0,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "tidegate.cli.gateway_process"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(sys.path),
                PROVIDER_KEY_VARIABLE: PROVIDER_KEY,
            },
        )
        try:
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(settings))
            process.stdin.close()
            _wait_until_ready(url, process, folder / "log")
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_PATIENCE_SECONDS)
            finally:
                process.kill()
                process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(f"{url}/readyz", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, f"the gateway ended: {log.read_text()}"
            assert time.monotonic() < deadline, f"the gateway never became ready: {log.read_text()}"
            time.sleep(0.02)
