"""Server-sent events, read incrementally: any chunking of the same bytes gives the same events."""

from __future__ import annotations

import msgspec

_LONGEST_LINE = 1 << 20


class ServerSent(msgspec.Struct, frozen=True, kw_only=True):
    """One event; ``data`` is its lines joined."""

    name: str
    data: str
    id: str


class ServerSentReader:
    """Feed it bytes, get whole events; comments and unknown fields are ignored."""

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[str, str] = {}
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerSent]:
        """The events that ``chunk`` completes.

        Raises:
            ValueError: a line without end.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise ValueError("a line of the event stream is too long")
        found = []
        for line in lines:
            event = self._line(line.rstrip(b"\r").decode("utf-8", "replace"))
            if event is not None:
                found.append(event)
        return found

    def _line(self, line: str) -> ServerSent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name in {"event", "id"}:
            self._fields[name] = value
        return None

    def _dispatch(self) -> ServerSent | None:
        fields, data = self._fields, self._data
        self._fields, self._data = {}, []
        if not fields and not data:
            return None
        return ServerSent(name=fields.get("event", "message"), data="\n".join(data), id=fields.get("id", ""))
