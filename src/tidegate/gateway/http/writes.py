"""Small writes of one turn of the event loop, sent together at its end.

A write wakes whoever waits for it, and waking costs the kernel more than sending. Sent one at a time, between other
work, nearly every write finds its peer asleep; sent back to back, all but the first find it at work. Where peers share
the machine this saves a third of the kernel's share of a request, and one system call costs less than a transport's
queue in any case.

The order of what is written to a connection never changes: what a socket does not take goes to its transport, which
knows of backpressure and of errors, and until the transport has sent it everything else goes there too.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

_HELD_LIMIT = 65_536  # more is worth a system call of its own


class WriteBatch:
    """What the connections of one kind, clients or upstreams, write in this turn of their loop."""

    __slots__ = ("_loop", "_writers")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._writers: list[Writer] = []

    def add(self, writer: Writer) -> None:
        """Flush ``writer`` at the end of this turn."""
        if not self._writers:
            self._loop.call_soon(self._send)
        self._writers.append(writer)

    def _send(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.flush()


class Writer:
    """Writes to one connection; nothing of it may be written by its transport alone."""

    __slots__ = ("_batch", "_descriptor", "_held", "_is_behind", "_transport")

    def __init__(self, batch: WriteBatch, transport: asyncio.Transport, descriptor: int) -> None:
        self._batch = batch
        self._transport = transport
        self._descriptor = descriptor
        self._held = b""
        self._is_behind = False  # the transport may hold something that has to go first

    def write(self, data: bytes) -> None:
        """Write at the end of this turn."""
        if self._held or self._is_behind or len(data) > _HELD_LIMIT:
            self._write_after_others(data)
        else:
            self._held = data
            self._batch.add(self)

    def write_through(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Hand what is large to the transport, without joining it."""
        self.flush()
        self._is_behind = True
        self._transport.writelines(pieces)

    def flush(self) -> None:
        """Write what is held now."""
        data, transport = self._held, self._transport
        if not data:
            return
        self._held = b""
        if transport.is_closing():
            return  # its descriptor may be somebody else's by now
        try:
            sent = os.write(self._descriptor, data)
        except OSError:  # full, or broken: the transport sees for itself
            sent = 0
        if sent < len(data):
            self._is_behind = True
            transport.write(data[sent:])

    def write_eof(self) -> None:
        """Nothing more comes after what was written."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close once everything is written."""
        self.flush()
        self._transport.close()

    def _write_after_others(self, data: bytes) -> None:
        held = self._held
        if held and len(held) + len(data) <= _HELD_LIMIT:
            self._held = held + data
        elif len(data) > _HELD_LIMIT or (self._is_behind and self._transport.get_write_buffer_size()):
            self.write_through((data,))
        else:
            self._is_behind = False
            self.flush()  # which may leave it behind again
            self.write(data)


class _TransportWriter(Writer):
    """Where bytes must not go to a socket as they are, as with TLS, or there is none."""

    __slots__ = ()

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def write_through(self, pieces: Sequence[bytes | memoryview]) -> None:
        self._transport.writelines(pieces)

    def flush(self) -> None:
        """Nothing is held."""


def writer_of(batch: WriteBatch, transport: asyncio.Transport) -> Writer:
    """The writer for a connection of the kind that ``batch`` is for."""
    channel = transport.get_extra_info("socket")
    if channel is None or transport.get_extra_info("sslcontext") is not None:
        return _TransportWriter(batch, transport, -1)
    return Writer(batch, transport, channel.fileno())
