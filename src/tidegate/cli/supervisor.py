"""The parent of one machine's processes: holds the listening sockets, starts the children, restarts what dies.

It does so little that it has nothing to crash on. Because it owns the sockets, a child that is killed and
started again loses no waiting connection, and a replaced one shares them with its successor; because children ask the kernel to be told of their parent's
death, nothing outlives it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog

from tidegate.cli.child import READY_OPTION, REFUSED
from tidegate.config import Address
from tidegate.errors import OperatorError

_BACKLOG = 4096
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)
_STEADY_SECONDS = 10.0  # a child that lived this long starts its row of failures anew

_READY_SECONDS = 30.0

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
    """Keeps children running between :meth:`start` and :meth:`stop`, and changes them on the way.

    Args:
        children: what to run.
        environ: environment of the children.
        output: descriptor for their standard output and error, ``None`` for our own.

    Attributes:
        environ: of children that start from now on.
    """

    def __init__(self, children: Sequence[ChildSpec], environ: Mapping[str, str], output: int | None = None) -> None:
        self.environ = dict(environ)
        self._output = output
        self._kept = {spec.name: _Kept(spec) for spec in children}
        self._ending: dict[asyncio.Task[None], int] = {}

    def start(self) -> None:
        """Start every child; returns at once."""
        for kept in self._kept.values():
            self._begin(kept)

    def pid(self, name: str) -> int | None:
        """Process id of a child, ``None`` while it is down."""
        kept = self._kept.get(name)
        return kept.process.pid if kept and kept.process else None

    def failures(self, name: str) -> int:
        """How often in a row a child ended soon after its start."""
        return self._kept[name].failures

    def has_refused(self, name: str) -> bool:
        """Whether a child ended because its settings keep it from starting."""
        return self._kept[name].code == REFUSED

    async def stop(self) -> None:
        """Stop the children, rank by rank, politely first."""
        for kept in list(self._kept.values()):
            await self._let_go(kept)
        ranks = {kept.spec.stop_rank for kept in self._kept.values()} | set(self._ending.values())
        for rank in sorted(ranks):
            for kept in self._kept.values():
                if kept.spec.stop_rank == rank:
                    self._end_soon(kept)
            await asyncio.gather(*(task for task, its in list(self._ending.items()) if its == rank))

    async def restart(self, spec: ChildSpec) -> None:
        """End the child of that name, then start ``spec`` in its place."""
        kept = self._kept[spec.name]
        await self._let_go(kept)
        if (ending := self._end_soon(kept)) is not None:
            await ending
        kept.spec, kept.failures = spec, 0
        self._begin(kept)

    async def replace(self, spec: ChildSpec, *, ready_seconds: float = _READY_SECONDS) -> None:
        """Start ``spec`` beside the child of that name, if there is one, which ends only when it is ready.

        The child gets ``--ready-fd NUMBER`` and writes a byte there. Its predecessor finishes what it has in
        its own time; this does not wait for it.

        Raises:
            OperatorError: it ended or was not ready in time; then everything is as before.
        """
        process = await self._spawn_ready(spec, ready_seconds)
        kept = self._kept.setdefault(spec.name, _Kept(spec))
        await self._let_go(kept)
        self._end_soon(kept)
        kept.spec, kept.process, kept.failures = spec, process, 0
        self._begin(kept)

    async def remove(self, name: str) -> None:
        """End a child for good; it finishes what it has, and this does not wait for it."""
        kept = self._kept.pop(name)
        await self._let_go(kept)
        self._end_soon(kept)

    async def run(self, spec: ChildSpec) -> int:
        """Run a child once, to its end; returns its exit code."""
        process = await self._spawn(spec)
        try:
            return await process.wait()
        except asyncio.CancelledError:
            _kill(process)
            raise

    def _begin(self, kept: _Kept) -> None:
        kept.task = asyncio.create_task(self._keep(kept), name=f"keep {kept.spec.name}")

    async def _keep(self, kept: _Kept) -> None:
        while True:
            begun = asyncio.get_running_loop().time()
            code = kept.code = await self._run_once(kept)
            is_steady = asyncio.get_running_loop().time() - begun > _STEADY_SECONDS
            kept.failures = 0 if is_steady else kept.failures + 1
            pause = _PAUSES[min(kept.failures, len(_PAUSES) - 1)]
            log.warning("child.ended", child=kept.spec.name, code=code, restart_in_seconds=pause)
            await asyncio.sleep(pause)

    async def _run_once(self, kept: _Kept) -> int | str:
        async with kept.starting:
            if kept.process is None:
                try:
                    kept.process = await self._spawn(kept.spec)
                except OSError as error:  # the machine has no room for it just now
                    return str(error)
        code = await kept.process.wait()
        kept.process = None
        return code

    async def _let_go(self, kept: _Kept) -> None:
        """Stop watching a child; never in the middle of its start, which would leave a process nobody knows."""
        async with kept.starting:
            if kept.task is not None:
                kept.task.cancel()
                await asyncio.gather(kept.task, return_exceptions=True)
                kept.task = None

    def _end_soon(self, kept: _Kept) -> asyncio.Task[None] | None:
        process, kept.process = kept.process, None
        if process is None:
            return None
        task = asyncio.create_task(_end(kept.spec, process), name=f"end {kept.spec.name}")
        self._ending[task] = kept.spec.stop_rank
        task.add_done_callback(lambda task: self._ending.pop(task, None))
        return task

    async def _spawn_ready(self, spec: ChildSpec, ready_seconds: float) -> asyncio.subprocess.Process:
        reading, writing = os.pipe()
        try:
            try:
                process = await self._spawn(spec, READY_OPTION, str(writing), inherited=(writing,))
            finally:
                os.close(writing)
            try:
                async with asyncio.timeout(ready_seconds):
                    is_ready = await _first_byte(reading) != b""
            except BaseException as error:
                _kill(process)
                if isinstance(error, TimeoutError):
                    await process.wait()
                    raise _not_ready(spec, f"was not ready within {ready_seconds:g} s") from None
                raise
        finally:
            os.close(reading)
        if not is_ready:
            raise _not_ready(spec, f"ended with {await process.wait()}")
        return process

    async def _spawn(
        self, spec: ChildSpec, *arguments: str, inherited: tuple[int, ...] = ()
    ) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            spec.module,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            env=self.environ,
            pass_fds=(*spec.descriptors, *inherited),
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # it died at once; its exit code tells
            process.stdin.write(spec.settings)
            await process.stdin.drain()
            process.stdin.close()
        return process


class _Kept:
    """One child and who watches it; ``starting`` is held while its process is being made."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.process: asyncio.subprocess.Process | None = None
        self.task: asyncio.Task[None] | None = None
        self.starting = asyncio.Lock()
        self.failures = 0
        self.code: int | str | None = None  # that it last ended with


async def _end(spec: ChildSpec, process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(spec.grace_seconds):
                await process.wait()
        except TimeoutError:
            log.warning("child.killed", child=spec.name, after_seconds=spec.grace_seconds)
            process.kill()
            await process.wait()


async def _first_byte(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, 1)


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def _not_ready(spec: ChildSpec, what: str) -> OperatorError:
    return OperatorError(
        f"a new {spec.name} {what}; the one before goes on serving",
        code="replacement_failed",
        remedy="see the log lines above",
    )


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
