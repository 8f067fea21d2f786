"""``tidegate up``: everything on this machine, from one settings object."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from tidegate.cli.control_process import ControlProcessSettings, encode_control_settings
from tidegate.cli.supervisor import ChildSpec, Supervisor, open_listener, until_ready
from tidegate.config import Address, Settings
from tidegate.gateway.process import GatewaySettings

_DRAIN_SECONDS = 30.0


class Installation(NamedTuple):
    """What is running: its addresses and its supervisor."""

    gateway_url: str
    control_url: str
    supervisor: Supervisor


@asynccontextmanager
async def installed(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    workers: int | None = None,
    extra: Sequence[ChildSpec] = (),
    output: int | None = None,
    drain_seconds: float = _DRAIN_SECONDS,
) -> AsyncIterator[Installation]:
    """Control and gateways of ``settings``, running and ready inside the block, stopped after it.

    Args:
        settings: of the installation.
        environ: environment of the children; their secrets are resolved from it.
        workers: gateway processes; ``None`` takes the settings'.
        extra: further children (the demo's simulator).
        output: descriptor for the children's logs, ``None`` for our own standard error.
        drain_seconds: how long streams may finish when everything stops.

    Raises:
        OperatorError: an address is taken.
    """
    async with AsyncExitStack() as stack:
        control = stack.enter_context(open_listener(settings.control_address, what="control"))
        gateway = stack.enter_context(open_listener(settings.gateway_address, what="gateway"))
        urls = _url(settings.gateway_address, gateway), _url(settings.control_address, control)
        children = [
            *extra,
            _control_child(settings, control),
            *(
                _gateway_child(settings, gateway, urls[1], number, drain_seconds)
                for number in range(1, (workers or settings.workers) + 1)
            ),
        ]
        supervisor = Supervisor(children, environ, output)
        supervisor.start()
        stack.push_async_callback(supervisor.stop)
        await asyncio.gather(*(until_ready(f"{url}/readyz") for url in urls))
        yield Installation(*urls, supervisor)


async def until_stopped() -> None:
    """Wait for SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()


def _control_child(settings: Settings, listener: socket.socket) -> ChildSpec:
    given = ControlProcessSettings(settings=settings, listen_fd=listener.fileno())
    return ChildSpec(
        "control", "tidegate.cli.control_process", encode_control_settings(given), (listener.fileno(),), stop_rank=1
    )


def _gateway_child(
    settings: Settings, listener: socket.socket, control_url: str, number: int, drain_seconds: float
) -> ChildSpec:
    name = f"gateway-{number}"
    given = GatewaySettings(
        id=name,
        folder=str(Path(settings.storage.gateway) / name),
        control_url=control_url,
        listen_fd=listener.fileno(),
        join_token=settings.join_token,
        drain_seconds=drain_seconds,
    )
    return ChildSpec(
        name,
        "tidegate.cli.gateway_process",
        msgspec.json.encode(given),
        (listener.fileno(),),
        grace_seconds=drain_seconds + 5,
    )


def _url(address: Address, listener: socket.socket) -> str:
    return Address(address.host, listener.getsockname()[1]).url
