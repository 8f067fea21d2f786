"""What must hold of any bytes at all: no reader fails otherwise than by its own refusal, and no cut changes its mind."""

from __future__ import annotations

import json
from collections.abc import Callable

import httptools
import msgspec

from tidegate.gateway.http.limits import Limits
from tidegate.gateway.http.plain_heads import split_answer
from tidegate.gateway.http.refusal import RefusalError
from tidegate.gateway.http.requests import RequestReader
from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.json_object import JsonObject
from tidegate.wire.splice import assemble, splice_messages
from tidegate.wire.sse import SseDecoder

LIMITS = Limits(head_bytes=4096, head_count=20, body_bytes=4096)
MESSAGE = b'{"role":"system","content":"Be brief."}'


def requests(data: bytes) -> None:
    """Whole or byte by byte: the same requests, and a refusal or none. (Its status may differ: what cannot become a
    head is refused before llhttp could say what else is wrong with it.)"""
    assert _requests_of([data]) == _requests_of([data[at : at + 1] for at in range(len(data))])


def _requests_of(pieces: list[bytes]) -> tuple[list[tuple[object, ...]], bool]:
    reader, found = RequestReader(LIMITS), []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (request := reader.next_request()) is not None:
                found.append((request.method, request.target, sorted(request.headers.items()), bytes(request.body)))
    except RefusalError:
        return found, True
    return found, False


def answers(data: bytes) -> None:
    """The quick way through an ordinary answer says what llhttp says."""
    quick = split_answer(data)
    if quick is None:
        return
    told = _Told()
    told.parser.feed_data(data)
    assert told.is_complete
    assert told.is_keep_alive
    body = b"".join(told.pieces)
    assert int(told.headers.pop(b"content-length")) == len(body)  # which the quick way leaves out
    assert quick == (told.parser.get_status_code(), told.headers, body)


class _Told:
    """What llhttp tells."""

    def __init__(self) -> None:
        self.is_keep_alive = False
        self.headers: dict[bytes, bytes] = {}
        self.pieces: list[bytes] = []
        self.is_complete = False
        self.on_body = self.pieces.append
        self.parser = httptools.HttpResponseParser(self)  # last: it looks for the callbacks now

    def on_header(self, name: bytes, value: bytes) -> None:
        assert name.lower() not in self.headers
        self.headers[name.lower()] = value.rstrip()

    def on_headers_complete(self) -> None:
        self.is_keep_alive = self.parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self.is_complete = True


def events(data: bytes) -> None:
    """Whole or byte by byte: the same events."""
    assert _events_of([data]) == _events_of([data[at : at + 1] for at in range(len(data))])


def _events_of(pieces: list[bytes]) -> list[object]:
    decoder = SseDecoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return [*found, *decoder.end()]


def bodies(data: bytes) -> None:
    """What is taken for a JSON object is one, with the same values, and no key stands in it twice."""
    try:
        body = JsonObject.parse(data)
    except MalformedBodyError:
        return
    try:
        whole = json.loads(data, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return  # the two differ about infinities, lone surrogates and depth; which one is right is not asked here
    names = [name for name, _ in whole]
    assert len(names) == len(set(names))
    assert list(body.fields) == names


class _Pairs(list[tuple[str, object]]):
    """An object's pairs as they stand there."""


def splices(data: bytes) -> None:
    """A prompt put into a list leaves every message of it as it was."""
    try:
        own = msgspec.json.decode(data, type=list[msgspec.Raw])
        pieces = splice_messages("messages", msgspec.Raw(data.strip(b" \t\r\n")), MESSAGE, b"", "prepend")
    except (msgspec.DecodeError, MalformedBodyError, RecursionError, UnicodeDecodeError):
        return
    made = msgspec.json.decode(b"".join(assemble(list(pieces))), type=list[msgspec.Raw])
    assert [bytes(each) for each in made] == [MESSAGE, *(bytes(each) for each in own)]


PROPERTIES: dict[str, Callable[[bytes], None]] = {
    "requests": requests,
    "answers": answers,
    "events": events,
    "bodies": bodies,
    "splices": splices,
}

SEEDS: dict[str, tuple[bytes, ...]] = {
    "requests": (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        b"GET /v1/models?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
    ),
    "answers": (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    ),
    "events": (
        b'data: {"a":1}\n\n: ping\r\n\r\nevent: x\rdata:y\r\rid: 3\nretry: 5\ndata: one\ndata: two\n\n',
        b"\xef\xbb\xbfdata: [DONE]\n\n",
    ),
    "bodies": (b'{"model":"m","n":[1,{"n":2}],"s":"\\u00e9"}', b'{"a":1,"a":2}', b" { } "),
    "splices": (b'[{"role":"user","content":"hi"}]', b'[ {"role":"system","content":"x"}, {"role":"user"} ]', b"[]"),
}
