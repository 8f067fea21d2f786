"""The gateway's side of the link to control: snapshots in, heartbeats, observations and records out.

Four loops that never touch a request: *follow* reads the stream of snapshots and leases, *beat* reports
every second and at once after a new snapshot, two *shippers* send observations and records and spool them while
control is away. Each of them outlives any failure of control and tries again with a growing pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
import structlog

from tidegate.delivery.limits.lending import KeyUse
from tidegate.delivery.snapshot import (
    BreakerState,
    Cutoff,
    Heartbeat,
    HeartbeatAnswer,
    LinkMessage,
    LogLevel,
    MirrorSpending,
    PinReport,
)
from tidegate.errors import TidegateError
from tidegate.gateway.controls import Controls
from tidegate.gateway.holder import TableHolder
from tidegate.gateway.http.client import HttpClientError, Origin, Pool, UpstreamResponse, request_head
from tidegate.gateway.observer import Observer
from tidegate.gateway.records import Records
from tidegate.gateway.shipping import Shipper
from tidegate.gateway.spool import Spool
from tidegate.gateway.stored_snapshot import save_snapshot

HEARTBEAT_SECONDS = 1.0
SILENCE_SECONDS = 5.0  # control renews the lease each second; after this the stream is taken for dead
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LOG_EVERY = 12  # of failures in a row: about once a minute during an outage
_MAX_ANSWER = 1 << 20
_NOT_LEADING = 202  # a control process took the heartbeat and does not lead

log = structlog.get_logger("tidegate.gateway.link")


class GatewayState(Protocol):
    """What a heartbeat tells of the pipeline."""

    def in_flight_by_version(self) -> dict[str, int]:
        """Requests under way by version reference."""
        ...

    def breaker_states(self) -> tuple[BreakerState, ...]:
        """Deployments that are not simply admitting."""
        ...

    def cutoffs(self) -> tuple[Cutoff, ...]:
        """Candidates this gateway stopped using on its own."""
        ...

    def mirror_spending(self) -> tuple[MirrorSpending, ...]:
        """What copies have cost, where that is bounded."""
        ...

    def pin_reports(self) -> tuple[PinReport, ...]:
        """Conversations pinned here that control has not been told of."""
        ...

    def key_uses(self) -> tuple[KeyUse, ...]:
        """What is wanted and used of keys with limits."""
        ...

    def heard(self, answer: HeartbeatAnswer) -> None:
        """What control says: what copies may cost, what keys may use, and what other gateways pinned."""
        ...


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach control, and who we are.

    Attributes:
        control_url: ``http(s)://HOST:PORT``; several control processes of one database with commas between.
        ca_file: trust store for an ``https`` control, ``None`` for the system's.
    """

    gateway: str
    boot_id: str
    control_url: str
    join_token: str | None = None
    ca_file: str | None = None
    address: str = ""
    build: str = ""
    pid: int = 0


class ControlLink:
    """Runs the loops between :meth:`start` and :meth:`stop`.

    Attributes:
        on_log_level: called when control asks for another level of logs.
    """

    def __init__(
        self,
        settings: LinkSettings,
        pool: Pool,
        holder: TableHolder[Any],
        observer: Observer,
        records: Records,
        state: GatewayState,
        folder: Path,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._holder = holder
        self._state = state
        self._folder = folder
        self._observations = Shipper("observations", observer, Spool(folder / "spool"), self._post)
        self._records = Shipper("records", records, Spool(folder / "records"), self._post)
        urls = settings.control_url.split(",")
        self._controls = Controls([Origin.from_url(url.strip(), ca_file=settings.ca_file) for url in urls])
        self._followed: Origin | None = None
        self._beat_now = asyncio.Event()
        self._stream: UpstreamResponse | None = None
        self._heard_at = 0.0
        self._is_stopping = False
        self._log_level: LogLevel | None = None
        self.on_log_level: Callable[[LogLevel], None] = lambda _: None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; returns at once."""
        loops = {
            "follow": self._follow,
            "beat": self._beat,
            "observations": self._observations.run,
            "records": self._records.run,
        }
        self._tasks = [asyncio.create_task(self._for_ever(name, loop)) for name, loop in loops.items()]

    def report_now(self) -> None:
        """Send a heartbeat at once: something control must know has happened."""
        self._beat_now.set()

    async def announce_stopping(self) -> None:
        """Tell control that this gateway drains, so that no release waits for it."""
        self._is_stopping = True
        await self._beat_once()

    async def stop(self) -> None:
        """End the loops; what control did not take by now waits in the spool."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._observations.finish()
        await self._records.finish()
        await self._beat_once()  # the last word: nothing is in flight any more

    @property
    def dropped(self) -> int:
        """Observations lost since the process started."""
        return self._observations.dropped

    @property
    def records_dropped(self) -> int:
        """Records lost since the process started."""
        return self._records.dropped

    @property
    def spooled(self) -> int:
        """Batches on disk that wait for control."""
        return self._observations.waiting

    async def _for_ever(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                await loop()
            except Exception as error:  # whatever it is: without these loops control takes this process for dead
                if failures % _LOG_EVERY == 0:
                    _tell_failure(name, error)
            if asyncio.get_running_loop().time() - begun > SILENCE_SECONDS:
                failures = 0
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _follow(self) -> None:
        origin = self._controls.current
        try:
            await self._follow_one(origin)
        finally:
            if self._followed is None or origin is self._controls.current:
                self._controls.failed(origin)  # its stream ended, or there was none
            self._followed = None

    async def _follow_one(self, origin: Origin) -> None:
        query = urlencode({"gateway": self._settings.gateway, "boot": self._settings.boot_id})
        head = self._head(origin, b"GET", f"/link/v1/snapshots?{query}", 0)
        response = await self._pool.request(origin, head, ())
        if response.status != 200:
            await self._refused(response)
            return
        self._stream, self._followed = response, origin
        self._heard()
        pending = bytearray()

        def on_data(data: bytes) -> None:
            self._heard()
            pending.extend(data)
            while (end := pending.find(b"\n")) >= 0:
                line = bytes(pending[:end])
                del pending[: end + 1]
                if line:
                    self._receive_line(line)

        try:
            await response.stream_to(on_data)
        finally:
            self._stream = None
            response.close()

    def _receive_line(self, line: bytes) -> None:
        """One bad snapshot must not cost the stream: the table in force stays, control sees no acknowledgement."""
        try:
            self._receive(msgspec.json.decode(line, type=LinkMessage))
        except (msgspec.MsgspecError, ValueError, TidegateError) as error:
            log.error("snapshot.refused", error=str(error))

    def _receive(self, message: LinkMessage) -> None:
        if message.lease is not None:
            self._holder.renew(message.lease)
            self._follow_log_level(message.lease.log_level)
        snapshot = message.snapshot
        if snapshot is None:
            return
        if not self._holder.adopt(snapshot, message.secrets):
            log.warning("snapshot.outdated", revision=snapshot.revision, epoch=snapshot.epoch)
            return
        self._beat_now.set()
        log.info("snapshot.adopted", revision=snapshot.revision, epoch=snapshot.epoch)
        asyncio.get_running_loop().run_in_executor(None, self._save, snapshot)

    def _save(self, snapshot: Any) -> None:
        try:
            save_snapshot(self._folder, snapshot)
        except OSError as error:
            log.warning("snapshot.not_stored", error=str(error))

    def _follow_log_level(self, level: LogLevel | None) -> None:
        if level is not None and level != self._log_level:
            self._log_level = level
            self.on_log_level(level)

    async def _beat(self) -> None:
        while True:
            await self._send_heartbeat()
            with suppress(TimeoutError):  # not wait_for: in Python 3.11 it can swallow the cancellation of a stop
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._beat_now.wait()
            self._beat_now.clear()
            if self._stream is not None and (self._is_silent() or self._followed is not self._controls.current):
                self._stream.close()

    def _is_silent(self) -> bool:
        return asyncio.get_running_loop().time() - self._heard_at > SILENCE_SECONDS

    async def _beat_once(self) -> None:
        with suppress(HttpClientError, OSError, TimeoutError):
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._send_heartbeat()

    async def _send_heartbeat(self) -> None:
        settings = self._settings
        beat = Heartbeat(
            gateway=settings.gateway,
            boot_id=settings.boot_id,
            pid=settings.pid,
            address=settings.address,
            build=settings.build,
            revision=self._holder.revision,
            epoch=self._holder.epoch,
            in_flight=self._state.in_flight_by_version(),
            breakers=self._state.breaker_states(),
            cutoffs=self._state.cutoffs(),
            spool_batches=self._observations.waiting,
            dropped=self.dropped,
            record_batches=self._records.waiting,
            records_dropped=self.records_dropped,
            stopping=self._is_stopping,
            mirrors=self._state.mirror_spending(),
            pins=self._state.pin_reports(),
            keys=self._state.key_uses(),
        )
        body, origins = msgspec.json.encode(beat), self._controls.addresses
        told = await asyncio.gather(*(self._tell(origin, body) for origin in origins), return_exceptions=True)
        failures = [each for each in told if isinstance(each, BaseException)]
        if len(failures) == len(origins):
            raise failures[0]

    async def _tell(self, origin: Origin, heartbeat: bytes) -> None:
        """One control process; each of them must know who serves, because each may have to lead."""
        try:
            status, answer = await self._exchange(origin, "/link/v1/heartbeats", b"application/json", heartbeat)
        except (HttpClientError, OSError, TimeoutError):
            self._controls.failed(origin)
            raise
        if status < 300:
            self._controls.answered(origin, is_leading=status != _NOT_LEADING)
        if status == 200:
            self._state.heard(msgspec.json.decode(answer, type=HeartbeatAnswer))

    async def _post(self, path: str, content_type: bytes, body: bytes) -> int:
        return (await self._exchange(self._controls.current, path, content_type, body))[0]

    async def _exchange(self, origin: Origin, path: str, content_type: bytes, body: bytes) -> tuple[int, bytes]:
        head = self._head(origin, b"POST", path, len(body), (b"content-type", content_type))
        async with asyncio.timeout(10):
            response = await self._pool.request(origin, head, (body,))
            answer = await response.read(_MAX_ANSWER)
        if response.status in {401, 403}:
            log.error("link.refused", path=path, status=response.status, remedy="check join_token")
        return response.status, answer

    async def _refused(self, response: UpstreamResponse) -> None:
        body = await response.read(_MAX_ANSWER)
        log.error("link.refused", status=response.status, answer=body[:200].decode(errors="replace"))

    def _head(self, origin: Origin, method: bytes, target: str, length: int, *extra: tuple[bytes, bytes]) -> bytes:
        headers = [(b"accept", b"application/json"), *extra]
        if self._settings.join_token:
            headers.append((b"authorization", b"Bearer " + self._settings.join_token.encode()))
        return request_head(method, target.encode(), origin, headers, length)

    def _heard(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()


def _tell_failure(loop: str, error: Exception) -> None:
    """One sentence where the network or control failed; where we did, the trace as well."""
    told = str(error) or type(error).__name__
    if isinstance(error, (HttpClientError, OSError, TimeoutError, msgspec.MsgspecError)):
        log.warning("link.interrupted", loop=loop, error=told)
    else:
        log.error("link.failed", loop=loop, error=told, exc_info=error)
