"""Runs processes for ``up``, ``control`` and ``gateway``: sockets first, so that a taken port is told plainly."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import uvloop

from tidegate.cli.failures import complain
from tidegate.cli.gateway_process import serve as serve_gateway
from tidegate.cli.logs import configure_logs
from tidegate.cli.output import print_json, print_lines
from tidegate.cli.reloading import Hangups, Reread
from tidegate.cli.supervisor import open_listener
from tidegate.cli.up import Installation, installed, stop_signal
from tidegate.config import Address, Settings
from tidegate.gateway.process import GatewaySettings

_LONG_START_SECONDS = 15.0
_LONG_START = "control and gateway are not ready yet (the log lines above say what keeps them; Ctrl-C gives up)"


def run_up(
    settings: Settings, environ: Mapping[str, str], *, workers: int | None, as_json: bool, reread: Reread
) -> int:
    """Control and gateways on this machine until Ctrl-C; a second one does not wait for open streams.

    Args:
        reread: reads settings and environment again, on SIGHUP.
    """
    configure_logs(environ.get("TIDEGATE_LOG_LEVEL", "info"), process="supervisor")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        hangups = Hangups()
        hint = loop.call_later(_LONG_START_SECONDS, complain, _LONG_START)
        try:
            async with installed(settings, environ, workers=workers) as running:
                hint.cancel()
                stop = stop_signal()  # before the announcement: whoever reads it may stop us at once
                _announce_up(running, as_json=as_json)
                reloading = asyncio.create_task(hangups.reload(running, reread), name="reload")
                await stop.wait()
                reloading.cancel()
                await asyncio.gather(reloading, return_exceptions=True)
                loop.remove_signal_handler(signal.SIGINT)
        finally:
            hint.cancel()

    asyncio.run(run())
    return 0


def run_control(settings: Settings, environ: Mapping[str, str], *, as_json: bool) -> None:
    """Control alone until it is told to stop."""
    from tidegate.cli.control_process import serve_control  # noqa: PLC0415 - not for gateways

    configure_logs(environ.get("TIDEGATE_LOG_LEVEL", "info"), process="control")
    with open_listener(settings.control_address, what="control") as listener:
        _announce("control", listener, settings.control_address, as_json=as_json)
        uvloop.run(serve_control(settings, listener))


def run_gateway_alone(
    settings: Settings, environ: Mapping[str, str], *, control_url: str | None, identifier: str | None, as_json: bool
) -> None:
    """One gateway until it is told to stop."""
    name = identifier or f"gateway-{socket.gethostname()}"
    with open_listener(settings.gateway_address, what="gateway") as listener:
        given = GatewaySettings(
            id=name,
            folder=str(Path(settings.storage.gateway) / name),
            control_url=control_url or settings.control_address.url,
            listen_fd=listener.fileno(),
            join_token=settings.join_token,
        )
        _announce("gateway", listener, settings.gateway_address, as_json=as_json)
        serve_gateway(given, environ)


def _announce_up(running: Installation, *, as_json: bool) -> None:
    if as_json:
        print_json({"gateway": running.gateway_url, "control": running.control_url})
        return
    print_lines(
        [
            f"gateway  {running.gateway_url}/v1   for OpenAI clients; Anthropic's without /v1",
            f"control  {running.control_url}   API under /api/v1",
            "Ctrl-C stops.",
        ]
    )


def _announce(what: str, listener: socket.socket, address: Address, *, as_json: bool) -> None:
    url = Address(address.host, listener.getsockname()[1]).url
    if as_json:
        print_json({what: url})
    else:
        print_lines([f"{what}  {url}"])
