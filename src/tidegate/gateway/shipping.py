"""Sends what one channel collects to control, at least once and in order, and spools it while control is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import time_ns
from typing import Protocol

import msgspec
import structlog

from tidegate.gateway.http.client import HttpClientError
from tidegate.gateway.spool import Batch, Spool

SHIP_SECONDS = 0.2
LOOK_SECONDS = 5.0  # for batches that a process before us left in the spool at its end
AWAY_SECONDS = 1.0  # after a batch that control did not take

log = structlog.get_logger("tidegate.gateway.link")

Post = Callable[[str, bytes, bytes], Awaitable[int]]
"""Path, content type and body to the status of the answer."""


class Source(Protocol):
    """Where batches come from."""

    @property
    def dropped(self) -> int:
        """Rows lost before anybody took them."""
        ...

    def take(self) -> Batch | None:
        """The next batch, ``None`` when there is nothing to send."""
        ...


class Shipper:
    """One channel to control: :meth:`run` until cancelled, then :meth:`finish`.

    Args:
        what: of what the rows are, for logs and the path: ``observations``, ``records``.
        source: gives batches; each is sent under the number it was given.
        spool: of this channel alone.
        post: sends one body to control.
    """

    def __init__(self, what: str, source: Source, spool: Spool, post: Post) -> None:
        self._what = what
        self._source = source
        self._spool = spool
        self._post = post
        self._unsent: Batch | None = None
        self._looked_at = 0.0
        self._lost = 0

    @property
    def dropped(self) -> int:
        """Rows lost since the process started."""
        return self._source.dropped + self._spool.dropped + self._lost

    @property
    def waiting(self) -> int:
        """Batches on disk."""
        return len(self._spool)

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await asyncio.sleep(SHIP_SECONDS)
            await self._send_spooled()
            while (batch := self._next_batch()) is not None:
                is_sent = await self._send(msgspec.msgpack.encode(batch), len(batch))
                if not is_sent:
                    await self._put(batch)
                self._unsent = None
                if not is_sent:
                    await asyncio.sleep(AWAY_SECONDS)
                    break

    async def finish(self) -> None:
        """Send the rest, or leave it in the spool for the process that comes after."""
        while (batch := self._next_batch()) is not None:
            if len(self._spool) or not await self._send(msgspec.msgpack.encode(batch), len(batch)):
                await self._put(batch)
            self._unsent = None

    def _next_batch(self) -> Batch | None:
        """The batch to send now: one whose sending was interrupted comes again, under its old number."""
        if self._unsent is None:
            self._unsent = self._source.take()
        return self._unsent

    async def _send_spooled(self) -> None:
        loop, spool = asyncio.get_running_loop(), self._spool
        if loop.time() - self._looked_at > LOOK_SECONDS:
            self._looked_at = loop.time()
            await loop.run_in_executor(None, spool.look)
        while len(spool):
            data = await loop.run_in_executor(None, spool.oldest)
            if data is None or not await self._send(data, 0):
                return
            await loop.run_in_executor(None, spool.discard)

    async def _put(self, batch: Batch) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._spool.put, batch, time_ns() // 1_000_000)
        except OSError as error:
            self._lost += len(batch)
            log.error("batch.lost", of=self._what, rows=len(batch), error=str(error))

    async def _send(self, data: bytes, rows: int) -> bool:
        """Whether control has the batch, or will never take it (a batch it calls malformed is given up)."""
        try:
            status = await self._post(f"/link/v1/{self._what}", b"application/msgpack", data)
        except (HttpClientError, OSError, TimeoutError):
            return False
        if status in {400, 413, 422}:
            self._lost += rows
            log.error("batch.refused", of=self._what, status=status, bytes=len(data))
            return True
        return 200 <= status < 300
