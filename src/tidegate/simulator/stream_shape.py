"""Cutting the bytes of a stream as a `StreamShape` says: line ends, joined events, odd pieces, gzip."""

from __future__ import annotations

import zlib

from tidegate.simulator.scenario import StreamShape
from tidegate.simulator.script import Script, Wait, Write, chunk

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Shaper:
    """Takes events, gives actions; what is held back comes with `flush`."""

    def __init__(self, shape: StreamShape, *, is_gzipped: bool) -> None:
        self._shape = shape
        self._line_end = shape.line_end.encode()
        self._gzip = zlib.compressobj(wbits=31) if is_gzipped else None
        self._gathered = _BYTE_ORDER_MARK if shape.has_byte_order_mark else b""
        self._events = 0
        self._pending = b""

    def feed(self, event: bytes) -> Script:
        """Add one event that ends its lines with a line feed."""
        if self._shape.has_comments:
            event = b": comment\n" + event
        self._gathered += event if self._line_end == b"\n" else event.replace(b"\n", self._line_end)
        self._events += 1
        if self._events >= self._shape.events_per_write:
            yield from self._release()

    def flush(self) -> Script:
        """Send everything fed so far; more may follow."""
        yield from self._release()
        if self._pending:
            yield from self._piece(self._pending)
            self._pending = b""

    def finish(self) -> Script:
        """Send everything, and the end of the compressed data if there is one; nothing may follow."""
        yield from self._release()
        if self._gzip:
            self._pending += self._gzip.flush()
        yield from self.flush()

    def _release(self) -> Script:
        gathered, self._gathered, self._events = self._gathered, b"", 0
        if not gathered:
            return
        if self._gzip:
            gathered = self._gzip.compress(gathered) + self._gzip.flush(zlib.Z_SYNC_FLUSH)
        self._pending += gathered
        size = self._shape.split_bytes or len(self._pending)
        whole = len(self._pending) // size * size
        for start in range(0, whole, size):
            yield from self._piece(self._pending[start : start + size])
        self._pending = self._pending[whole:]

    def _piece(self, data: bytes) -> Script:
        yield Write(chunk(data))
        if self._shape.drip_seconds:
            yield Wait(self._shape.drip_seconds)


def pieces(data: bytes, shape: StreamShape) -> Script:
    """A whole body in the pieces a shape asks for."""
    size = shape.split_bytes or len(data) or 1
    for start in range(0, len(data), size):
        yield Write(data[start : start + size])
        if shape.drip_seconds:
            yield Wait(shape.drip_seconds)
