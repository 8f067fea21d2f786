"""One gateway process: wires pipeline, server and link, and drains when told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from secrets import token_bytes

import msgspec
import structlog

from tidegate import __version__
from tidegate.delivery.snapshot import LogLevel, Snapshot
from tidegate.errors import TidegateError
from tidegate.gateway.accounting import observation_of
from tidegate.gateway.app import Gateway
from tidegate.gateway.http.client import Pool
from tidegate.gateway.http.server import Server, listen
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.link import ControlLink, LinkSettings
from tidegate.gateway.memory import settle_memory
from tidegate.gateway.observer import Observer
from tidegate.gateway.process_figures import ProcessFigures
from tidegate.gateway.records import Records
from tidegate.gateway.refusals import render_error
from tidegate.gateway.siblings import Siblings
from tidegate.gateway.stored_snapshot import load_snapshot
from tidegate.gateway.telemetry_page import merge
from tidegate.gateway.upstreams import FindProxy, ResolveSecret
from tidegate.loop_lag import watch_loop

_NEWEST_SECONDS = 1.0  # a start waits so long for control's own snapshot before it serves from the stored one
_POLL_SECONDS = 0.01

log = structlog.get_logger("tidegate.gateway")


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one gateway process needs to know.

    Attributes:
        id: unique among the gateways of an installation, stable over restarts.
        folder: of this gateway alone: last snapshot and spools.
        listen_fd: descriptor of an inherited listening socket, or ``None`` to bind ``host`` and ``port``.
        drain_seconds: how long open requests and streams may finish after a stop is asked for.
    """

    id: str
    folder: str
    control_url: str
    host: str = "127.0.0.1"
    port: int = 7400
    listen_fd: int | None = None
    join_token: str | None = None
    ca_file: str | None = None
    drain_seconds: float = 30.0


async def run_gateway(
    settings: GatewaySettings,
    resolve: ResolveSecret,
    find_proxy: FindProxy,
    announce: Callable[[], None] | None = None,
    set_log_level: Callable[[LogLevel], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Args:
        settings: of this process.
        resolve: gives the secrets that snapshots refer to.
        find_proxy: gives the proxy for a provider's address.
        announce: called once requests are served; with it this process takes another one's place and accepts
            nothing before it has a snapshot, since the other one would have served it.
        set_log_level: called when control asks for another level of logs.

    Raises:
        OSError: the address cannot be bound, or the folder cannot be written.
    """
    stop = _stop_signal()
    listener = _listener(settings)
    wheel = Wheel()
    pool = Pool(wheel)
    boot = token_bytes(6)
    numbers = count(1)
    observer = Observer(settings.id, boot.hex(), numbers)
    records = Records(settings.id, boot.hex(), numbers)
    gateway = Gateway(
        observer=observer,
        records=records,
        pool=pool,
        wheel=wheel,
        resolve=resolve,
        boot=boot,
        find_proxy=find_proxy,
        dropped=lambda: link.dropped,
        records_dropped=lambda: link.records_dropped,
        identity=settings.id,
        report_bug=_report_bug,
        report_problem=_report_problem,
        report_trouble=_report_trouble,
        on_cut=lambda: link.report_now(),  # noqa: PLW0108 - the link is made below
    )
    identity = LinkSettings(
        gateway=settings.id,
        boot_id=boot.hex(),
        control_url=settings.control_url,
        join_token=settings.join_token,
        ca_file=settings.ca_file,
        address="{}:{}".format(*listener.getsockname()[:2]),
        build=__version__,
        pid=os.getpid(),
    )
    folder = Path(settings.folder)
    link = ControlLink(identity, pool, gateway.holder, observer, records, gateway, folder)
    link.on_log_level = set_log_level
    siblings = Siblings(folder, pool, gateway.own_page)
    _adopt_stored(gateway, folder)
    link.start()
    keeping = asyncio.create_task(gateway.content.run())
    sweeping = asyncio.create_task(gateway.overdue.run(observation_of), name="overdue")
    await _first_snapshot(gateway, stop, is_needed=announce is not None)
    if not stop.is_set():
        server = await listen(listener, gateway.handle, render_error=render_error, wheel=wheel)
        gateway.figures = ProcessFigures(lambda: server.connections, lambda: (len(observer), link.spooled))
        gateway.page = _machine_page(gateway, siblings)
        await siblings.open(wheel)
        lag = asyncio.create_task(watch_loop(gateway.telemetry.loop_lag.add), name="loop-lag")
        settle_memory()
        log.info("gateway.started", gateway=settings.id, address=identity.address, pid=os.getpid())
        if announce is not None:
            announce()
        await stop.wait()
        await _drain(gateway, server, link, settings)
        lag.cancel()
        await siblings.close()
    keeping.cancel()
    sweeping.cancel()
    gateway.content.finish()
    await link.stop()
    log.info("gateway.stopped", gateway=settings.id)
    pool.close()


def _machine_page(gateway: Gateway, siblings: Siblings) -> Callable[[], Awaitable[bytes]]:
    """Every worker's figures, whichever of them a scrape reached."""

    async def page() -> bytes:
        own, others = await asyncio.gather(gateway.own_page(), siblings.pages())
        return merge((own, *others)) if others else own

    return page


async def _first_snapshot(gateway: Gateway, stop: asyncio.Event, *, is_needed: bool) -> None:
    """Until control's newest snapshot is in force, or it is late; any at all must be there if ``is_needed``."""
    holder, loop = gateway.holder, asyncio.get_running_loop()
    late_at = loop.time() + _NEWEST_SECONDS
    while not (stop.is_set() or holder.is_lease_valid):
        if loop.time() >= late_at and not (is_needed and holder.current is None):
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _drain(gateway: Gateway, server: Server, link: ControlLink, settings: GatewaySettings) -> None:
    gateway.is_draining = True
    gateway.mirrors.stop()
    log.info("gateway.draining", gateway=settings.id, in_flight=sum(gateway.in_flight_by_version().values()))
    await asyncio.gather(server.drain(settings.drain_seconds), link.announce_stopping())


def _adopt_stored(gateway: Gateway, folder: Path) -> None:
    """Serve from the last snapshot until control speaks; it has no lease, so candidates stay out."""
    stored: Snapshot | None = load_snapshot(folder)
    if stored is None:
        return
    try:
        gateway.holder.adopt(stored, {}, has_lease=False)
        log.info("snapshot.stored_adopted", revision=stored.revision, epoch=stored.epoch)
    except (TidegateError, ValueError) as error:
        log.warning("snapshot.stored_refused", error=str(error))


def _listener(settings: GatewaySettings) -> socket.socket:
    if settings.listen_fd is not None:
        return socket.socket(fileno=settings.listen_fd)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family, backlog=4096)


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a child leaves Ctrl-C to its parent
        loop.add_signal_handler(signal.SIGINT, stop.set)
    return stop


def _report_bug(request_id: str, error: Exception) -> None:
    log.error("request.failed_in_gateway", request_id=request_id, exc_info=error)


def _report_problem(sentence: str) -> None:
    log.error("provider.unusable", problem=sentence)


def _report_trouble(sentence: str) -> None:
    log.warning("provider.unreachable", problem=sentence)
