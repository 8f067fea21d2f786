"""Workers of one machine share a socket, and a scrape reaches any of them: the one that is reached asks the others.

Each worker serves its own page on a loopback port of the kernel's choice and leaves the number in its folder; the
folders of one installation's workers lie beside each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import structlog

from tidegate.gateway.http.client import HttpClientError, Origin, Pool, request_head
from tidegate.gateway.http.server import Request, Responder, Server, listen
from tidegate.gateway.http.timers import Wheel

PAGE_HEADERS = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)
_PORT_FILE = "telemetry.port"
_MOST_BYTES = 64 * 1024 * 1024
_SECONDS = 2.0  # well within a scrape's patience: a worker that hangs is left out of this page

log = structlog.get_logger("tidegate.gateway")


class Siblings:
    """The other workers of this machine.

    Args:
        folder: of this worker alone.
        render: makes this worker's own page.
    """

    def __init__(self, folder: Path, pool: Pool, render: Callable[[], Awaitable[bytes]]) -> None:
        self._port_file = folder / _PORT_FILE
        self._pool = pool
        self._render = render
        self._server: Server | None = None
        self._port = b""

    async def open(self, wheel: Wheel) -> None:
        """Let the others ask us."""
        self._server = await listen(("127.0.0.1", 0), self._answer, wheel=wheel)
        self._port = b"%d" % self._server.port
        try:
            self._port_file.parent.mkdir(parents=True, exist_ok=True)
            self._port_file.write_bytes(self._port)
        except OSError as error:  # a full disk costs the others this page, and nobody a request
            log.warning("telemetry.port_not_stored", error=str(error))

    async def close(self) -> None:
        """Be gone for them; a worker that has taken our place keeps its number."""
        if self._server is not None:
            await self._server.drain(0)
        with suppress(OSError):
            if self._port_file.read_bytes() == self._port:
                self._port_file.unlink()

    async def pages(self) -> list[bytes]:
        """What the others say of themselves; nobody waits long for one that is silent."""
        asked = await asyncio.gather(*map(self._ask, self._ports()))
        return [page for page in asked if page]

    def _ports(self) -> list[int]:
        found = []
        for file in sorted(self._port_file.parent.parent.glob(f"*/{_PORT_FILE}")):
            if file != self._port_file:
                with suppress(OSError, ValueError):  # it has just gone
                    found.append(int(file.read_bytes()))
        return found

    async def _answer(self, _request: Request, responder: Responder) -> None:
        responder.send(200, PAGE_HEADERS, await self._render())

    async def _ask(self, port: int) -> bytes:
        try:
            origin = Origin.from_url(f"http://127.0.0.1:{port}")
            async with asyncio.timeout(_SECONDS):
                head = request_head(b"GET", b"/metrics", origin, ((b"connection", b"close"),), 0)
                response = await self._pool.request(origin, head, ())
                return await response.read(_MOST_BYTES) if response.status == 200 else b""
        except (HttpClientError, OSError, TimeoutError):
            return b""  # left behind by a crash
