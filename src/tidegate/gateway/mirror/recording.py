"""Responders that keep what was answered: one in front of the user's, one with nobody behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.gateway.http.heads import Block, Headers
    from tidegate.gateway.http.server import Responder

MOST_BYTES = 131_072
"""Of one answer that are kept; what is longer is cut, and cut answers are compared by their numbers alone."""


class Recording:
    """The body of one answer, up to :data:`MOST_BYTES`.

    Attributes:
        size: of what was kept.
        is_cut: there was more.
    """

    __slots__ = ("_parts", "is_cut", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0
        self.is_cut = False

    def add(self, data: bytes) -> None:
        """Keep another piece, by reference."""
        if self.size + len(data) > MOST_BYTES:
            self.is_cut = True
        if not self.is_cut:
            self._parts.append(data)
            self.size += len(data)

    @property
    def body(self) -> bytes:
        """What was kept."""
        return b"".join(self._parts)


class Sink:
    """The responder of a copy: takes everything at once and sends it nowhere."""

    __slots__ = ("is_ended", "is_started", "on_writable", "recording")
    is_writable = True

    def __init__(self) -> None:
        self.recording = Recording()
        self.is_started = False
        self.is_ended = False
        self.on_writable: Callable[[], None] | None = None

    def send(self, status: int, headers: Headers | Block, body: bytes) -> None:  # noqa: ARG002 - as a responder does
        """The whole answer."""
        self.is_started = self.is_ended = True
        self.recording.add(body)

    def start(self, status: int, headers: Headers, *, length: int | None = None) -> None:  # noqa: ARG002
        """Its head."""
        self.is_started = True

    def write(self, data: bytes) -> None:
        """A piece of it."""
        self.recording.add(data)

    def end(self) -> None:
        """It is whole."""
        self.is_ended = True

    abort = end


class Tee:
    """In front of a user's responder while the request is mirrored: passes everything on and keeps the body."""

    __slots__ = ("_responder", "recording")

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self.recording = Recording()

    @property
    def is_started(self) -> bool:
        """As the user's."""
        return self._responder.is_started

    @property
    def is_ended(self) -> bool:
        """As the user's."""
        return self._responder.is_ended

    @property
    def is_writable(self) -> bool:
        """As the user's."""
        return self._responder.is_writable

    @property
    def on_writable(self) -> Callable[[], None] | None:
        """As the user's."""
        return self._responder.on_writable

    @on_writable.setter
    def on_writable(self, resume: Callable[[], None] | None) -> None:
        self._responder.on_writable = resume

    def send(self, status: int, headers: Headers | Block, body: bytes) -> None:
        """The whole answer at once."""
        self._responder.send(status, headers, body)
        self.recording.add(body)

    def start(self, status: int, headers: Headers, *, length: int | None = None) -> None:
        """Begin an answer."""
        self._responder.start(status, headers, length=length)

    def write(self, data: bytes) -> None:
        """Send a piece of the body now."""
        self._responder.write(data)
        self.recording.add(data)

    def end(self) -> None:
        """The body is complete."""
        self._responder.end()

    def abort(self) -> None:
        """Break the framing and close."""
        self._responder.abort()

    async def drain(self) -> None:
        """Wait until the client has caught up."""
        await self._responder.drain()
