"""The parent of one machine's processes: holds the listening sockets, starts the children, restarts what dies.

It does so little that it has nothing to crash on. Because it owns the sockets, a child that is killed and
started again loses no waiting connection; because children ask the kernel to be told of their parent's
death, nothing outlives it.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog

from tidegate.config import Address
from tidegate.errors import OperatorError

_BACKLOG = 4096
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)
_STEADY_SECONDS = 10.0  # a child that lived this long starts its row of failures anew

log = structlog.get_logger("tidegate.supervisor")


class ChildSpec(NamedTuple):
    """One process to keep running.

    Attributes:
        name: for logs.
        module: started as ``python -m MODULE``.
        settings: JSON given on standard input, so that no secret shows in a process list.
        descriptors: inherited listening sockets.
        stop_rank: lower ranks are stopped first (gateways before control, which takes their last words).
        grace_seconds: between SIGTERM and SIGKILL.
    """

    name: str
    module: str
    settings: bytes
    descriptors: tuple[int, ...] = ()
    stop_rank: int = 0
    grace_seconds: float = 10.0


class Supervisor:
    """Keeps children running between :meth:`start` and :meth:`stop`.

    Args:
        children: what to run.
        environ: environment of the children.
        output: descriptor for their standard output and error, ``None`` for our own.
    """

    def __init__(self, children: Sequence[ChildSpec], environ: Mapping[str, str], output: int | None = None) -> None:
        self._specs = tuple(children)
        self._environ = dict(environ)
        self._output = output
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Start every child; returns at once."""
        for spec in self._specs:
            self._tasks[spec.name] = asyncio.create_task(self._keep(spec), name=f"keep {spec.name}")

    def pid(self, name: str) -> int | None:
        """Process id of a child, ``None`` while it is down."""
        process = self._running.get(name)
        return process.pid if process else None

    async def stop(self) -> None:
        """Stop the children, rank by rank, politely first."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for rank in sorted({spec.stop_rank for spec in self._specs}):
            await asyncio.gather(*(self._end(spec) for spec in self._specs if spec.stop_rank == rank))

    async def _keep(self, spec: ChildSpec) -> None:
        failures = 0
        while True:
            begun = asyncio.get_running_loop().time()
            process = await self._spawn(spec)
            self._running[spec.name] = process
            code = await process.wait()
            del self._running[spec.name]
            is_steady = asyncio.get_running_loop().time() - begun > _STEADY_SECONDS
            failures = 0 if is_steady else failures + 1
            pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
            log.warning("child.ended", child=spec.name, code=code, restart_in_seconds=pause)
            await asyncio.sleep(pause)

    async def _spawn(self, spec: ChildSpec) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            spec.module,
            stdin=asyncio.subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            env=self._environ,
            pass_fds=spec.descriptors,
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # it died at once; its exit code tells
            process.stdin.write(spec.settings)
            await process.stdin.drain()
            process.stdin.close()
        return process

    async def _end(self, spec: ChildSpec) -> None:
        process = self._running.pop(spec.name, None)
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), spec.grace_seconds)
            except TimeoutError:
                log.warning("child.killed", child=spec.name, after_seconds=spec.grace_seconds)
                process.kill()
                await process.wait()


def open_listener(address: Address, *, what: str) -> socket.socket:
    """A listening socket that children inherit.

    Raises:
        OperatorError: the port is taken, or the host is not ours.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server((address.host, address.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise OperatorError(
            f"the {what} cannot listen on {address.host}:{address.port}: {error.strerror or error}",
            code="address_unavailable",
            remedy="stop what listens there, or set another address under `listen`",
        ) from None
    listener.setblocking(False)
    return listener


async def until_ready(url: str, is_over: Callable[[], Awaitable[bool]] | None = None) -> None:
    """Wait until ``GET url`` answers 200; try every 20 ms."""
    host, _, rest = url.removeprefix("http://").partition("/")
    name, _, port = host.rpartition(":")
    request = f"GET /{rest} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode()
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(name.strip("[]"), int(port))
            try:
                writer.write(request)
                line = await reader.readline()
                if b" 200 " in line:
                    return
            finally:
                writer.close()
        if is_over is not None and await is_over():
            return
        await asyncio.sleep(0.02)
