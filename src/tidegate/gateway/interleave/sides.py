"""The responders of two answers to one request, and the one answer that both become.

A streamed answer goes on as it comes, as the choice of its place; a whole one is kept until the other is there. What
fails before its first content leaves no trace, so the other is then delivered alone, and so it is where a whole answer
cannot be read as a choice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tidegate.gateway.mirror.recording import Recording
from tidegate.wire.two_choices import Choice, ChoiceStream, Head, end_of_streams, read_choice, whole_answer

if TYPE_CHECKING:
    from tidegate.gateway.http.heads import Block, Headers
    from tidegate.gateway.http.server import Responder


class Side:
    """The responder of one of two answers.

    Attributes:
        place: of its choice.
        status, headers: of its answer, 0 and none before it began.
        recording: of what its model said, before it became a choice.
        choice: of a whole answer that is no stream.
        is_broken: it began and is not whole, or its whole answer is no choice.
    """

    __slots__ = (
        "_both",
        "_parts",
        "choice",
        "headers",
        "is_broken",
        "is_ended",
        "is_started",
        "on_writable",
        "place",
        "recording",
        "status",
        "stream",
    )

    def __init__(self, both: TwoAnswers, place: int, stream: ChoiceStream | None) -> None:
        self._both = both
        self._parts: list[bytes] = []
        self.place = place
        self.stream = stream
        self.choice: Choice | None = None
        self.status = 0
        self.headers: Headers | Block = ()
        self.recording = Recording()
        self.is_started = self.is_ended = self.is_broken = False
        self.on_writable: Callable[[], None] | None = None

    @property
    def is_writable(self) -> bool:
        """The client keeps up."""
        return self._both.is_writable

    @property
    def is_whole(self) -> bool:
        """An answer, from its beginning to its end."""
        return self.is_ended and not self.is_broken and 200 <= self.status < 300

    @property
    def is_unreadable(self) -> bool:
        """A whole answer that is no choice."""
        return self.is_ended and self.is_broken and self.stream is None and self.status == 200

    @property
    def is_shown(self) -> bool:
        """The client has some of it already."""
        return self.is_started and self.stream is not None and self.status == 200

    @property
    def body(self) -> bytes:
        """A whole answer."""
        return b"".join(self._parts)

    def send(self, status: int, headers: Headers | Block, body: bytes) -> None:
        """The whole answer, or why there is none."""
        self._begin(status, headers)
        self._keep(body)
        self._finish()

    def start(self, status: int, headers: Headers, *, length: int | None = None) -> None:  # noqa: ARG002 - as a responder
        """Begin it: of a stream the client sees this at once."""
        self._begin(status, headers)
        if self.stream is not None:
            self._both.begin()

    def write(self, data: bytes) -> None:
        """A piece of it."""
        if self.is_ended:
            return
        if self.stream is None:
            self._keep(data)
            return
        self.recording.add(data)
        self._both.pass_on(self.stream.feed(data))

    def end(self) -> None:
        """It is complete; after an error event it is not."""
        if self.is_ended:
            return
        if self.stream is not None and self.stream.is_broken:
            self.abort()
            return
        self._finish()

    def abort(self) -> None:
        """No more of it comes: the client is told, and goes on with the other."""
        if self.is_ended:
            return
        self.is_ended = self.is_broken = True
        if self.stream is not None and self.is_started:
            self._both.pass_on(self.stream.break_off())

    async def drain(self) -> None:
        """Wait until the client has caught up."""
        await self._both.drain()

    def _begin(self, status: int, headers: Headers | Block) -> None:
        self.is_started = True
        self.status, self.headers = status, headers

    def _finish(self) -> None:
        self.is_ended = True
        if self.stream is None and self.is_whole:
            self.choice = read_choice(self.body)
            self.is_broken = self.choice is None

    def _keep(self, data: bytes) -> None:
        self.recording.add(data)
        self._parts.append(data)


class TwoAnswers:
    """What the client gets of two sides.

    Args:
        responder: the client's.
        head: common to both choices.
        headers: of an answer with two choices.
        is_stream: the client asked for a stream.

    Attributes:
        sides: in the order of their places.
    """

    def __init__(self, responder: Responder, head: Head, headers: Callable[[], Headers], *, is_stream: bool) -> None:
        self._responder = responder
        self._head = head
        self._headers = headers
        self._streams = [ChoiceStream(head, place) for place in (0, 1)] if is_stream else []
        self.sides = tuple(Side(self, place, self._streams[place] if is_stream else None) for place in (0, 1))
        responder.on_writable = self._resume

    @property
    def is_writable(self) -> bool:
        """The client keeps up."""
        return self._responder.is_writable

    def begin(self) -> None:
        """The first content of either side is here."""
        if not self._responder.is_started:
            self._responder.start(200, self._headers(), length=None)

    def pass_on(self, data: bytes) -> None:
        """Events of either side."""
        if data:
            self._responder.write(data)

    async def drain(self) -> None:
        """Wait until the client has caught up."""
        await self._responder.drain()

    def conclude(self, first_choice: Side) -> None:
        """Nothing more comes of either side: end the stream, or send the whole answer.

        Args:
            first_choice: whose error the client gets when nobody answered.
        """
        self._responder.on_writable = None
        if self._responder.is_started:
            self._end_stream()
            return
        whole = [side for side in self.sides if side.is_whole]
        choices = [side.choice for side in whole if side.choice is not None]
        if len(choices) == 2:
            self._responder.send(200, self._headers(), whole_answer(self._head, choices))
            return
        alone = whole[0] if whole else first_choice
        self._responder.send(alone.status or 502, alone.headers, alone.body)

    def _end_stream(self) -> None:
        if any(side.is_whole for side in self.sides):
            self._responder.write(end_of_streams(self._head, self._streams))
            self._responder.end()
        else:
            self._responder.abort()

    def _resume(self) -> None:
        for side in self.sides:
            if side.on_writable is not None:
                side.on_writable()
