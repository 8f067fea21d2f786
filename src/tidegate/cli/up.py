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

from tidegate.cli.control_settings import ControlProcessSettings, encode_control_settings
from tidegate.cli.supervisor import ChildSpec, Supervisor, open_listener, until_ready
from tidegate.config import Address, Settings
from tidegate.errors import OperatorError
from tidegate.gateway.process import GatewaySettings

_DRAIN_SECONDS = 30.0
_CONTROL_SECONDS = 30.0
_CONTROL_TRIES = 3
_LOOK_SECONDS = 0.1


class _Fixed(NamedTuple):
    """What stays as it is for as long as the supervisor lives."""

    control: socket.socket
    gateway: socket.socket
    control_url: str
    workers: int | None
    drain_seconds: float

    def control_child(self, settings: Settings, *, is_check: bool = False) -> ChildSpec:
        given = ControlProcessSettings(settings=settings, listen_fd=self.control.fileno(), is_check=is_check)
        name = "control-check" if is_check else "control"
        return ChildSpec(
            name,
            "tidegate.cli.control_process",
            encode_control_settings(given),
            (self.control.fileno(),),
            stop_rank=1,
        )

    def gateway_children(self, settings: Settings) -> list[ChildSpec]:
        count = self.workers or settings.workers
        return [self._gateway_child(settings, f"gateway-{number}") for number in range(1, count + 1)]

    def _gateway_child(self, settings: Settings, name: str) -> ChildSpec:
        given = GatewaySettings(
            id=name,
            folder=str(Path(settings.storage.gateway) / name),
            control_url=self.control_url,
            listen_fd=self.gateway.fileno(),
            join_token=settings.join_token,
            drain_seconds=self.drain_seconds,
        )
        return ChildSpec(
            name,
            "tidegate.cli.gateway_process",
            msgspec.json.encode(given),
            (self.gateway.fileno(),),
            grace_seconds=self.drain_seconds + 5,
        )


class Installation:
    """What is running: its addresses and its supervisor."""

    def __init__(self, gateway_url: str, settings: Settings, fixed: _Fixed, supervisor: Supervisor) -> None:
        self.gateway_url = gateway_url
        self.control_url = fixed.control_url
        self.supervisor = supervisor
        self._settings = settings
        self._fixed = fixed

    @property
    def gateways(self) -> tuple[str, ...]:
        """Names of the gateway children."""
        return tuple(spec.name for spec in self._fixed.gateway_children(self._settings))

    async def reload(self, settings: Settings, environ: Mapping[str, str]) -> None:
        """Bring everything to new settings, an edited environment and the code installed now, while serving.

        Control is restarted first and applies its file. Then each gateway is replaced by one that is ready before
        the one before stops accepting and finishes what it has.

        Raises:
            OperatorError: refused, nothing is changed; or something of it failed, and what ran before runs on.
        """
        _check_unchanged(self._settings, settings)
        supervisor, fixed = self.supervisor, self._fixed
        before = supervisor.environ
        supervisor.environ = dict(environ)
        try:
            if await supervisor.run(fixed.control_child(settings, is_check=True)) != 0:
                raise OperatorError(
                    "the new configuration cannot be applied; nothing was changed",
                    code="configuration_refused",
                    remedy="see the log line above",
                )
            await self._restart_control(settings)
            await self._roll_gateways(settings)
        except BaseException:
            supervisor.environ = before
            raise
        self._settings = settings

    async def _restart_control(self, settings: Settings) -> None:
        await self.supervisor.restart(self._fixed.control_child(settings))
        if not await self._is_control_up():
            await self.supervisor.restart(self._fixed.control_child(self._settings))
            raise OperatorError(
                "control did not start with the new configuration and was started with the one before",
                code="configuration_refused",
                remedy="see the log lines above; gateways went on serving",
            )

    async def _is_control_up(self) -> bool:
        waiting = asyncio.create_task(until_ready(f"{self.control_url}/readyz"))
        give_up_at = asyncio.get_running_loop().time() + _CONTROL_SECONDS
        try:
            while not waiting.done() and self.supervisor.failures("control") < _CONTROL_TRIES:
                if asyncio.get_running_loop().time() > give_up_at:
                    return False
                await asyncio.wait({waiting}, timeout=0.1)
            return waiting.done()
        finally:
            waiting.cancel()

    async def _roll_gateways(self, settings: Settings) -> None:
        wanted = self._fixed.gateway_children(settings)
        surplus = {spec.name for spec in self._fixed.gateway_children(self._settings)} - {spec.name for spec in wanted}
        for spec in wanted:
            await self.supervisor.replace(spec)
        for name in surplus:
            await self.supervisor.remove(name)


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
        OperatorError: an address is taken, or what the settings declare cannot be.
    """
    async with AsyncExitStack() as stack:
        control = stack.enter_context(open_listener(settings.control_address, what="control"))
        gateway = stack.enter_context(open_listener(settings.gateway_address, what="gateway"))
        urls = _url(settings.gateway_address, gateway), _url(settings.control_address, control)
        fixed = _Fixed(control, gateway, urls[1], workers, drain_seconds)
        children = [*extra, fixed.control_child(settings), *fixed.gateway_children(settings)]
        supervisor = Supervisor(children, environ, output)
        supervisor.start()
        stack.push_async_callback(supervisor.stop)
        await _until_ready(supervisor, urls)
        yield Installation(urls[0], settings, fixed, supervisor)


async def _until_ready(supervisor: Supervisor, urls: Sequence[str]) -> None:
    """Wait for all of them, but not for a control that no restart could help."""
    waiting = {asyncio.create_task(until_ready(f"{url}/readyz")) for url in urls}
    try:
        while not all(task.done() for task in waiting):
            if supervisor.has_refused("control"):
                raise OperatorError(
                    "the configuration cannot be applied",
                    code="configuration_refused",
                    remedy="see the log line above",
                )
            await asyncio.wait(waiting, timeout=_LOOK_SECONDS)
    finally:
        for task in waiting:
            task.cancel()


def stop_signal() -> asyncio.Event:
    """Set by SIGINT or SIGTERM from now on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    return stop


def _check_unchanged(before: Settings, after: Settings) -> None:
    """What only a restart can change."""
    for part in ("listen", "storage"):
        if getattr(before, part) != getattr(after, part):
            raise OperatorError(
                f"the new configuration has another `{part}`; nothing was changed",
                code="restart_needed",
                remedy=f"restart to change {part}",
            )


def _url(address: Address, listener: socket.socket) -> str:
    return Address(address.host, listener.getsockname()[1]).url
