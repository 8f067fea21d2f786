"""Runs the demo: a throw-away installation, traffic, the story, and a live view of it all."""

from __future__ import annotations

import asyncio
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path

import httpx2
from rich.console import Console
from rich.live import Live

from tidegate.cli.demo.story import PROVIDER, SERVICE, Say, first_bundle, tell
from tidegate.cli.demo.traffic import Traffic
from tidegate.cli.demo.view import View
from tidegate.cli.supervisor import ChildSpec, until_ready
from tidegate.cli.up import Installation, installed
from tidegate.client import AsyncClient
from tidegate.client.waiting import Waited
from tidegate.config import ListenSettings, ServiceSettings, Settings, StorageSettings
from tidegate.delivery.service import PriceSpec, ProviderSpec
from tidegate.errors import TidegateError

REQUESTS_PER_SECOND = 30.0
_REFRESH_SECONDS = 0.5
_DRAIN_SECONDS = 3.0


def run_demo(
    settings: Settings | None,
    *,
    workers: int | None,
    environ: Mapping[str, str],
    pause_seconds: float = 6.0,
    is_ending: bool = False,
) -> int:
    """Run until Ctrl-C; nothing is left behind.

    Args:
        settings: only the addresses are taken from it.
        workers: gateway processes.
        environ: of the children.
        pause_seconds: of plain traffic before each release.
        is_ending: end after the story instead of going on.

    Returns:
        The exit code: 0 when the story went as told, 1 otherwise.
    """
    listen = settings.listen if settings else ListenSettings()
    with tempfile.TemporaryDirectory(prefix="tidegate-demo-") as name:
        return asyncio.run(_demo(listen, workers, environ, Path(name), pause_seconds, is_ending=is_ending))


async def _demo(
    listen: ListenSettings,
    workers: int | None,
    environ: Mapping[str, str],
    folder: Path,
    pause_seconds: float,
    *,
    is_ending: bool,
) -> int:
    console = Console()
    port = _free_port()
    simulator = ChildSpec("simulator", "tidegate.cli.simulator_process", f"{port}\n".encode())
    chosen = _settings(listen, port, folder)
    with (folder / "log").open("wb") as log:
        stop = _stop_signal()
        async with installed(
            chosen, environ, workers=workers, extra=(simulator,), output=log.fileno(), drain_seconds=_DRAIN_SECONDS
        ) as running:
            await until_ready(f"http://127.0.0.1:{port}/healthz")
            async with AsyncClient(running.control_url) as client:
                return await _play(running, client, console, stop, pause_seconds, is_ending=is_ending)


async def _play(
    running: Installation,
    client: AsyncClient,
    console: Console,
    stop: asyncio.Event,
    pause_seconds: float,
    *,
    is_ending: bool,
) -> int:
    traffic = Traffic(running.gateway_url, SERVICE, REQUESTS_PER_SECOND)
    view = View(running.gateway_url, running.control_url, traffic)
    async with _shown(view, console) as say:
        say(f"watch it in a browser: {running.control_url}")
        say(f"gateway at {running.gateway_url}; {SERVICE} serves v1.0.0")
        say(f"{REQUESTS_PER_SECOND:.0f} simulated users' requests a second begin")
        tasks = [
            asyncio.create_task(traffic.run(), name="traffic"),
            asyncio.create_task(_follow(view, client), name="follow"),
        ]
        story = asyncio.create_task(tell(client, say, pause_seconds=pause_seconds), name="story")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({story, stopping}, return_when=asyncio.FIRST_COMPLETED)
        code = _outcome(story, say)
        if story.done() and not is_ending:
            say(
                f"now yours: TIDEGATE_URL={running.control_url} tidegate history {SERVICE} (or incidents, status -w, explain)"
            )
            await stopping
        for task in (*tasks, story, stopping):
            task.cancel()
        await asyncio.gather(*tasks, story, stopping, return_exceptions=True)
        say(f"{traffic.sent} requests sent, {traffic.failed} failed for their users")
    return code


def _outcome(story: asyncio.Task[list[Waited]], say: Say) -> int:
    """0 when it went as told or was interrupted, 1 when it broke."""
    if not story.done() or story.cancelled():
        return 0
    if (error := story.exception()) is not None:
        say(f"the story broke off: {error}")
        return 1
    return 0


@asynccontextmanager
async def _shown(view: View, console: Console) -> AsyncIterator[Say]:
    """A live picture on a terminal, plain lines elsewhere."""
    if not console.is_terminal:

        def say(sentence: str) -> None:
            print(sentence, flush=True)

        yield say
        return
    with Live(view, console=console, refresh_per_second=4):
        yield view.say


async def _follow(view: View, client: AsyncClient) -> None:
    """Keep the view's status current; a control that is away is waited for."""
    while True:
        with suppress(TidegateError, httpx2.HTTPError):
            view.status = await client.status(SERVICE)
        await asyncio.sleep(_REFRESH_SECONDS)


def _settings(listen: ListenSettings, simulator_port: int, folder: Path) -> Settings:
    price = PriceSpec(input=Decimal("0.40"), output=Decimal("1.60"))
    cheaper = PriceSpec(input=Decimal("0.15"), output=Decimal("0.60"))
    provider = ProviderSpec(
        dialect="openai", base_url=f"http://127.0.0.1:{simulator_port}/v1", prices={"*": price, "sim-better": cheaper}
    )
    return Settings(
        listen=listen,
        storage=StorageSettings(
            database=f"sqlite:///{folder / 'tidegate.db'}",
            artifacts=str(folder / "artifacts"),
            gateway=str(folder / "gateways"),
        ),
        providers={PROVIDER: provider},
        services={SERVICE: ServiceSettings(stable=first_bundle())},
    )


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a closed terminal ends it too
        loop.add_signal_handler(name, stop.set)
    return stop


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
