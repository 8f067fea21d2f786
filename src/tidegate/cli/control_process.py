"""Entry of the control child: ``python -m tidegate.cli.control_process`` with its settings as JSON on standard input."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec
import structlog
import uvicorn
import uvloop

from tidegate.api.app import ApiSettings, create_app
from tidegate.api.applying import apply_documents
from tidegate.cli.child import REFUSED, become_child
from tidegate.cli.control_settings import ControlProcessSettings, decode_control_settings
from tidegate.cli.logs import configure_logs, set_log_level
from tidegate.cli.sole_process import Presence
from tidegate.config import Settings
from tidegate.controller.control import Control
from tidegate.controller.control_settings import ControlSettings
from tidegate.controller.programs import ProgramSettings
from tidegate.dashboard.app import with_dashboard
from tidegate.delivery.quantities import encode_quantity
from tidegate.documents import Document
from tidegate.environment import environment
from tidegate.errors import InvalidInputError, TidegateError
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.database import Database, observations_url
from tidegate.registry.schema_check import bring_to_head, is_at_head

log = structlog.get_logger("tidegate.control")
_DRAIN_SECONDS = 5
_IDLE_SECONDS = 75  # longer than clients keep connections, so that they close them, not we
_ACTOR = "configuration"
_PLAIN_VARIABLES = ("PATH", "HOME", "LANG", "TZ")


async def serve_control(settings: Settings, listener: socket.socket, stop: asyncio.Event | None = None) -> None:
    """Run the control plane and its API until ``stop`` is set (by default: until SIGTERM or SIGINT), then drain.

    Raises:
        OperatorError: database or artifacts cannot be opened.
        InvalidInputError: the configuration declares something that cannot be.
    """
    stop = stop or _stop_signal()
    async with AsyncExitStack() as stack:
        state = Database(settings.storage.database)
        stack.push_async_callback(state.close)
        observed = Database(observations_url(settings.storage.database), durability="normal")
        stack.push_async_callback(observed.close)
        await bring_to_head(state, "state")
        await bring_to_head(observed, "observations")
        artifacts = ArtifactStore(settings.storage.artifacts)
        presence = Presence(settings.storage.database)
        stack.callback(presence.close)
        control = Control(state, observed, _control_settings(settings, is_sole=presence.is_alone))
        await apply_documents(control, artifacts, [_declared(settings)], actor=_ACTOR, source="configuration")
        control.on_log_level = set_log_level
        await control.start()
        stack.push_async_callback(control.stop)
        app = create_app(control, artifacts, _api_settings(settings))
        server = _Server(_uvicorn_config(with_dashboard(app)))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        log.info("control.started", address=settings.listen.control)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when="FIRST_COMPLETED")
        stopping.cancel()
        log.info("control.stopping")
        app.state.plane.closing.set()
        control.publisher.close()
        server.should_exit = True
        await serving
    log.info("control.stopped")


def main() -> None:
    """Read the settings, serve."""
    become_child()
    given = decode_control_settings(sys.stdin.buffer.read())
    environ = environment()
    configure_logs(environ.get("TIDEGATE_LOG_LEVEL", "info"), process="control")
    if given.is_check:
        sys.exit(uvloop.run(_check(given.settings)))
    try:
        uvloop.run(_serve(given))
    except InvalidInputError as error:
        _tell(error, "configuration.refused")
        sys.exit(REFUSED)
    except TidegateError as error:
        _tell(error, "control.failed")
        sys.exit(1)


def _tell(error: TidegateError, event: str) -> None:
    log.error(event, error=error.message, where=error.where, remedy=error.remedy)


async def _check(settings: Settings) -> int:
    """Try to apply the settings and undo it; a database of an older build is left to the start itself."""
    state = Database(settings.storage.database)
    try:
        if not await is_at_head(state, "state"):
            return 0
        artifacts = ArtifactStore(settings.storage.artifacts)
        control = Control(state, state, _control_settings(settings))
        await apply_documents(
            control, artifacts, [_declared(settings)], actor=_ACTOR, source="configuration", dry_run=True
        )
    except TidegateError as error:
        _tell(error, "configuration.refused")
        return REFUSED
    finally:
        await state.close()
    return 0


async def _serve(given: ControlProcessSettings) -> None:
    await serve_control(given.settings, _listener(given))


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a child leaves Ctrl-C to its parent
        loop.add_signal_handler(signal.SIGINT, stop.set)
    return stop


def _listener(given: ControlProcessSettings) -> socket.socket:
    if given.listen_fd is not None:
        return socket.socket(fileno=given.listen_fd)
    from tidegate.cli.supervisor import open_listener  # noqa: PLC0415 - needed only without a supervisor

    return open_listener(given.settings.control_address, what="control")


def _control_settings(settings: Settings, *, is_sole: bool = False) -> ControlSettings:
    return ControlSettings(
        programs=_programs(settings),
        sinks=settings.notify,
        alerts=settings.alerts,
        leader=f"control-{token_hex(6)}",
        is_sole=is_sole,
        open_access=settings.gateway_address.is_loopback,
        telemetry=settings.telemetry,
        metrics=settings.metrics,
    )


def _programs(settings: Settings) -> ProgramSettings:
    """Without a word in the configuration only who is on this machine may name programs."""
    enabled = settings.programs.enabled
    environ = environment()
    visible = (*_PLAIN_VARIABLES, *settings.programs.environment)
    return ProgramSettings(
        is_enabled=settings.control_address.is_loopback if enabled is None else enabled,
        environment={name: environ[name] for name in visible if name in environ},
        folder=settings.programs.folder,
    )


def _api_settings(settings: Settings) -> ApiSettings:
    spool = None if "://" in settings.storage.artifacts else Path(settings.storage.artifacts) / "spool"
    if spool is not None:
        spool.mkdir(parents=True, exist_ok=True)
    return ApiSettings(
        is_loopback=settings.control_address.is_loopback,
        hosts=frozenset({settings.control_address.host}),
        join_token=settings.join_token,
        spool=spool,
    )


def _declared(settings: Settings) -> Document:
    """The part of the configuration that the database keeps, as a document to apply."""
    plain: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=encode_quantity)
    return Document({name: plain[name] for name in ("providers", "keys", "services", "judges")}, "configuration")


def _uvicorn_config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",  # the API logs failures itself, as JSON
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


class _Server(uvicorn.Server):
    """Signals are whoever's who runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


if __name__ == "__main__":
    main()
