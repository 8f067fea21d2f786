"""An answer of an upstream: its head, and its body as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from tidegate.gateway.http.faults import BodyTooLargeError, HttpClientError

if TYPE_CHECKING:
    from tidegate.gateway.http.upstream_connection import UpstreamConnection

_LAST_CHUNK = b"0\r\n\r\n"
_READ_AHEAD = 262_144  # body bytes held before somebody wants them


class UpstreamResponse(msgspec.Struct, eq=False):
    """An answer whose head has arrived; its body is read once, by :meth:`read` or :meth:`stream_to`.

    Attributes:
        status: 200 … 999.
        headers: lower-case names; repeated ones are joined with ``, ``.
        is_reused: it came over a connection that had served before.
        is_complete: the whole body has arrived.
        is_paused: reading waits for :meth:`resume`.
        whole: the body, if it came in one piece with its head, as most do; else ``None``.
        is_delimited: its length or chunked coding tells where it ends; otherwise only the close does.
    """

    status: int
    headers: dict[bytes, bytes]
    is_reused: bool
    _connection: UpstreamConnection
    _held: list[bytes]
    _held_bytes: int = 0
    whole: bytes | None = None
    is_complete: bool = False
    is_delimited: bool = True
    is_paused: bool = False
    _on_data: Callable[[bytes], None] | None = None
    _waiter: asyncio.Future[None] | None = None
    _error: HttpClientError | None = None

    async def read(self, limit: int) -> bytes:
        """The whole body, of at most ``limit`` bytes.

        Raises:
            BodyTooLargeError: there are more; the connection is closed.
            TruncatedBodyError: the connection ended before the body did.
            ProtocolError: the body's framing is broken.
        """
        length = self.headers.get(b"content-length", b"")
        if self._held_bytes > limit or (self.is_delimited and length.isdigit() and int(length) > limit):
            self.close()
            raise self._too_large(limit)
        pieces: list[bytes] = []
        size = 0

        def collect(data: bytes) -> None:
            nonlocal size
            size += len(data)
            if size > limit:
                raise self._too_large(limit)
            pieces.append(data)

        await self.stream_to(collect)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def stream_to(self, on_data: Callable[[bytes], None]) -> None:
        """Call ``on_data`` once per TCP read, with de-chunked bytes, until the body ends.

        An exception of ``on_data`` closes the connection and is raised here; after :meth:`close` in
        the middle of a body :class:`TruncatedBodyError` is.

        Raises:
            TruncatedBodyError: the connection ended before the body did.
            ProtocolError: the body's framing is broken.
        """
        try:
            if self._held:
                data, self._held, self._held_bytes = b"".join(self._held), [], 0
                self.resume()  # what nobody wanted yet was read up to a bound only
                on_data(data)
            if self._error is not None:
                raise self._error
            if not self.is_complete:
                self._on_data = on_data
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
        except BaseException:
            self.close()
            raise
        finally:
            self._on_data = self._waiter = None  # the waiter keeps what was raised, with the frames that hold us

    def pause(self) -> None:
        """Stop reading: ``on_data`` is not called until :meth:`resume`."""
        if not self.is_paused and not self.is_complete:
            self.is_paused = True
            self._connection.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self.is_paused and not self.is_complete:
            self.is_paused = False
            self._connection.resume_reading()

    def close(self) -> None:
        """Cancel: unless the answer is complete its connection is closed and never pooled."""
        if not self.is_complete:
            self._connection.close()

    def ends_with(self, data: bytes, last: bytes) -> bool:
        """Whether the read that ended the answer ends with it; llhttp skips line ends between answers.

        Args:
            data: that read.
            last: the last piece of the body in it.
        """
        if b"transfer-encoding" in self.headers:
            return data.endswith(_LAST_CHUNK) if len(data) > 5 else _LAST_CHUNK.endswith(data)
        if last:
            return data.endswith(last)
        if len(data) < 4:
            return b"\r\n\r\n".endswith(data)
        return data.endswith(b"\r\n\r\n") and not data.endswith(b"\r\n\r\n\r\n")

    @staticmethod
    def _too_large(limit: int) -> BodyTooLargeError:
        return BodyTooLargeError(f"the upstream's answer is larger than {limit} bytes")

    # ---- what the connection calls

    def take(self, data: bytes) -> None:
        """A piece of the body."""
        if self._on_data is not None:
            self._on_data(data)
            return
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > _READ_AHEAD:
            self.pause()

    def finish(self) -> None:
        """The body is complete."""
        self.is_complete = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def fail(self, error: BaseException) -> None:
        """The body will not be complete."""
        if self.is_complete or self._error is not None:
            return
        if self._waiter is not None:
            if not self._waiter.done():
                self._waiter.set_exception(error)
        elif isinstance(error, HttpClientError):
            self._error = error  # for whoever reads it later


def settle(waiter: asyncio.Future[UpstreamResponse], found: UpstreamResponse | HttpClientError) -> None:
    """Wake the coroutine that waits for the head of an answer."""
    if waiter.done():
        return
    if isinstance(found, HttpClientError):
        waiter.set_exception(found)
    else:
        waiter.set_result(found)
