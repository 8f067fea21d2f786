"""Keeps idle upstream connections: the one used last is used next, so that the others can go."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Sequence

from tidegate.gateway.http.dialling import Dialler
from tidegate.gateway.http.faults import ConnectionLostError
from tidegate.gateway.http.origin import Origin
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.http.upstream_connection import UpstreamConnection
from tidegate.gateway.http.upstream_response import UpstreamResponse
from tidegate.gateway.http.writes import WriteBatch

_SWEEP_SECONDS = 1.0


class Pool:
    """Sends requests; one per event loop.

    Args:
        wheel: the loop's timers.
        idle_seconds: unused longer, a connection is closed; below what servers usually allow (60 to 75 s).
        age_seconds: older, a connection is not used again, so that changed DNS records take effect.
        max_idle: idle connections kept per origin.
    """

    def __init__(
        self, wheel: Wheel, *, idle_seconds: float = 50.0, age_seconds: float = 600.0, max_idle: int = 512
    ) -> None:
        self._wheel = wheel
        self._idle_seconds = idle_seconds
        self._age_seconds = age_seconds
        self._max_idle = max_idle
        self._idle: dict[Origin, deque[UpstreamConnection]] = {}
        self._dialler = Dialler(wheel)
        self._writes = WriteBatch(wheel.loop)
        self._sweeping = wheel.deadline(self._sweep)
        self._is_sweeping = False
        self._is_closed = False
        self._oldest = wheel.now - age_seconds  # opened before it, a connection is too old; kept current by sweeps

    @property
    def idle(self) -> int:
        """Idle connections to all origins."""
        return sum(map(len, self._idle.values()))

    def request(
        self, origin: Origin, head: bytes, parts: Sequence[bytes | memoryview], *, connect_timeout: float = 2.0
    ) -> Coroutine[None, None, UpstreamResponse]:
        """Send one request and wait for the head of its answer; cancelling closes the connection.

        A reused connection that dies before any byte of an answer had been closed by the upstream while
        it was idle: the request is sent once more, on a fresh connection.

        Args:
            origin: where to.
            head: as :func:`~tidegate.gateway.http.origin.request_head` builds it.
            parts: the body in slices; not joined when large.
            connect_timeout: seconds for name, dial, proxy and TLS together.

        Raises:
            ConnectError: nothing was sent.
            ConnectionLostError: the connection died before the head of the answer.
            ProtocolError: the answer is not acceptable HTTP/1.1.
        """
        connection = self.take(origin)
        if connection is None:
            return self.request_anew(origin, head, parts, connect_timeout=connect_timeout)
        return self._request_again_if_lost(connection, head, parts, connect_timeout)

    async def _request_again_if_lost(
        self, connection: UpstreamConnection, head: bytes, parts: Sequence[bytes | memoryview], connect_timeout: float
    ) -> UpstreamResponse:
        try:
            return await connection.exchange(head, parts)
        except ConnectionLostError as error:
            if error.has_bytes:
                raise
        return await self.request_anew(connection.origin, head, parts, connect_timeout=connect_timeout)

    async def request_anew(
        self, origin: Origin, head: bytes, parts: Sequence[bytes | memoryview], *, connect_timeout: float = 2.0
    ) -> UpstreamResponse:
        """The same on a fresh connection, whatever lies idle."""
        connection = UpstreamConnection(self._keep, origin, self._writes)
        await self._dialler.dial(origin, connection, connect_timeout)
        connection.opened_at = self._wheel.read()
        answer = connection.exchange(head, parts)
        del head, parts  # it is waited for long, and they are held by whoever sends them
        return await answer

    def close(self) -> None:
        """Close idle connections now and busy ones when their answer is complete."""
        self._is_closed = True
        self._sweeping.clear()
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()

    def take(self, origin: Origin) -> UpstreamConnection | None:
        """The idle connection used last, if there is one; who takes it sends a request on it."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_open and connection.opened_at >= self._oldest:
                return connection
            connection.close()
        return None

    def _keep(self, connection: UpstreamConnection) -> None:
        idle = self._idle.get(connection.origin)
        if idle is None:
            if self._is_closed:
                connection.close()
                return
            idle = self._idle[connection.origin] = deque()
            self._oldest = self._wheel.now - self._age_seconds
            if not self._is_sweeping:
                self._is_sweeping = True
                self._sweeping.set(_SWEEP_SECONDS)
        connection.idle_since = self._wheel.now
        idle.append(connection)
        if len(idle) > self._max_idle:
            idle.popleft().close()

    def _sweep(self) -> None:
        """Close what has been idle too long; the longest idle stand on the left."""
        self._oldest = self._wheel.now - self._age_seconds
        oldest = self._wheel.now - self._idle_seconds
        for origin, idle in list(self._idle.items()):
            while idle and (idle[0].idle_since < oldest or not idle[0].is_open):
                idle.popleft().close()
            if not idle:
                del self._idle[origin]
        self._is_sweeping = bool(self._idle)
        if self._is_sweeping:
            self._sweeping.set(_SWEEP_SECONDS)
