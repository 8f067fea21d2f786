"""Random mutations at both doors: the process lives, nothing hangs, nothing broken passes for whole."""

from __future__ import annotations

import contextlib
import json
import re
import time

import h11
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.faults.raw_upstreams import chat_events, whole_chat
from tests.hostile.mutations import Mutation, mutated, mutations, pieces
from tests.hostile.rig import KEY, Running, ScriptedUpstream, chat_body, post, rest_of

FEW, MANY = 300, 3_000
_SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
QUIETLY = settings(max_examples=FEW, suppress_health_check=_SHARED, deadline=None)
AT_LENGTH = settings(max_examples=MANY, suppress_health_check=_SHARED, deadline=None)

LONGEST_SECONDS = 20.0  # a hang: the timers of the scripted service end after 1.5, on a machine at rest

CHUNKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + KEY.encode() + b"\r\n"
    b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(chat_body("chunks")), chat_body("chunks"))
)
LIST = b"GET /v1/models?x=1 HTTP/1.1\r\nHost: x\r\nX-Api-Key: %b\r\nAccept: */*\r\n\r\n" % KEY.encode()
REQUESTS = (post(chat_body("one")), CHUNKED, LIST, LIST + post(chat_body("two")) + LIST)


# ---- the front door ------------------------------------------------------------------------------------


def exchanged(gateway: Running, data: bytes) -> bytes:
    """Send, give what comes at once a moment, close our half, read to the end."""
    with gateway.connect() as channel, contextlib.suppress(ConnectionError):
        channel.sendall(data)
        channel.settimeout(0.03)
        received = b""
        with contextlib.suppress(TimeoutError):
            while piece := channel.recv(65_536):
                received += piece
        with contextlib.suppress(OSError):
            channel.shutdown(1)
        return received + rest_of(channel, LONGEST_SECONDS)
    return b""


def requests_of_h11(data: bytes) -> int:
    """How many whole requests h11 reads before it refuses the bytes or they end."""
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    server.receive_data(data)
    count = 0
    try:
        while True:
            event = server.next_event()
            if event is h11.NEED_DATA:
                server.receive_data(b"")
            elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return count
            elif isinstance(event, h11.EndOfMessage):
                count += 1
                if server.our_state is h11.SEND_RESPONSE:
                    server.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                    server.send(h11.EndOfMessage())
                server.start_next_cycle()
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return count


def check_front_door(gateway: Running, original: bytes, changes: list[Mutation]) -> None:
    data = mutated(original, changes)
    started = time.monotonic()
    answer = exchanged(gateway, data)
    assert time.monotonic() - started < LONGEST_SECONDS
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
    served = sum(200 <= status < 300 for status in statuses)
    assert served <= requests_of_h11(data), "a request that h11 does not read was served"
    assert 500 not in statuses
    assert gateway.is_alive


@QUIETLY
@example(post(chat_body("one")), [("insert", 0.0, 0.0, b"\r\n")])
@given(st.sampled_from(REQUESTS), mutations())
def test_a_mutated_request_is_never_served_unless_h11_reads_it_too(shared_gateway: Running, original, changes):
    check_front_door(shared_gateway, original, changes)


@pytest.mark.slow
@AT_LENGTH
@given(st.sampled_from(REQUESTS), mutations(most=8))
def test_many_mutated_requests(shared_gateway: Running, original, changes):
    check_front_door(shared_gateway, original, changes)


# ---- the upstream's door -------------------------------------------------------------------------------

TEXT = "one two three four five six"


def framed(content: bytes, *, is_streamed: bool, is_chunked: bool) -> bytes:
    """A whole HTTP answer."""
    kind = b"text/event-stream" if is_streamed else b"application/json"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n" % kind
    if not is_chunked:
        return head + b"content-length: %d\r\n\r\n%b" % (len(content), content)
    middle = len(content) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (content[:middle], content[middle:]))
    return head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def asked(gateway: Running, *, is_streamed: bool) -> tuple[int, bytes, bool]:
    """Status, body, and whether its framing is whole, as h11 reads the gateway's answer."""
    body = chat_body("hi", "scripted", stream=is_streamed)
    started = time.monotonic()
    with gateway.connect() as channel:
        channel.sendall(post(body, "connection: close"))
        raw = rest_of(channel, LONGEST_SECONDS)
    assert time.monotonic() - started < LONGEST_SECONDS
    return read_by_h11(raw)


def read_by_h11(raw: bytes) -> tuple[int, bytes, bool]:
    """Status, body, and whether the framing is whole; status 0 when not even the head is."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    client.receive_data(b"")
    status, body = 0, b""
    try:
        while not isinstance(event := client.next_event(), h11.ConnectionClosed):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, body, True
            elif event is h11.NEED_DATA:
                break
    except h11.RemoteProtocolError:
        pass
    return status, body, False


def says_complete(stream: bytes) -> bool:
    """Whether a naive reader of the standard finds a terminator or a finish reason."""
    text = stream.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    for block in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:")]
        data = "\n".join(lines)
        if data.strip() == "[DONE]" or re.search(r'"finish_reason"\s*:\s*"[^"]', data):
            return True
    return False


def check_stream(gateway: Running, upstream: ScriptedUpstream, stream: bytes, cuts: list[float]) -> None:
    """The content of a stream is anything at all, its framing is sound."""
    upstream.pieces = pieces(framed(stream, is_streamed=True, is_chunked=True), cuts)
    status, body, is_whole = asked(gateway, is_streamed=True)
    assert status != 500 or b"internal_error" not in body
    if status != 200:
        assert is_whole
        assert json.loads(body)["error"]["message"]
        return
    has_error = b'data: {"error"' in body
    if is_whole and not has_error:
        assert says_complete(stream), "a stream without an end passed for whole"
        assert says_complete(body)
    if not is_whole:
        assert has_error, "a broken stream says so"
        assert not body.endswith(b"data: [DONE]\n\n")


STREAMS = (chat_events(TEXT), chat_events("a"), chat_events(TEXT).replace(b"\n", b"\r\n"))
CUTS = st.lists(st.floats(0, 1), max_size=5)


@QUIETLY
@example(b"", [])
@example(b"data: [DONE]\n\n", [])
@given(st.builds(mutated, st.sampled_from(STREAMS), mutations()), CUTS)
def test_a_mutated_stream_ends_whole_or_in_an_error(shared_gateway: Running, upstream, stream, cuts):
    check_stream(shared_gateway, upstream, stream, cuts)


@pytest.mark.slow
@AT_LENGTH
@given(st.builds(mutated, st.sampled_from(STREAMS), mutations(most=8)), CUTS)
def test_many_mutated_streams(shared_gateway: Running, upstream, stream, cuts):
    check_stream(shared_gateway, upstream, stream, cuts)


def check_answer(
    gateway: Running, upstream: ScriptedUpstream, changes: list[Mutation], form: tuple[bool, bool], cuts: list[float]
) -> None:
    """The whole answer is mutated, its framing too."""
    is_streamed, is_chunked = form
    content = chat_events(TEXT) if is_streamed else whole_chat(TEXT)
    raw = mutated(framed(content, is_streamed=is_streamed, is_chunked=is_chunked), changes)
    upstream.pieces = pieces(raw, cuts)
    status, body, is_whole = asked(gateway, is_streamed=is_streamed)
    assert status != 500 or b"internal_error" not in body
    assert gateway.is_alive
    if status == 200 and is_whole and b'data: {"error"' not in body:
        told_status, told, is_sound = read_by_h11(raw)
        assert 200 <= told_status < 300
        if is_streamed:
            assert says_complete(told)
        else:
            assert is_sound
            assert json.loads(body)["choices"]


FORMS = st.tuples(st.booleans(), st.booleans())


@QUIETLY
@example([("insert", 0.0552978515625, 0.0, b"\x00")], (False, False), [])
@given(mutations(), FORMS, CUTS)
def test_a_mutated_answer_never_passes_for_whole(shared_gateway: Running, upstream, changes, form, cuts):
    check_answer(shared_gateway, upstream, changes, form, cuts)


@pytest.mark.slow
@AT_LENGTH
@given(mutations(most=8), FORMS, CUTS)
def test_many_mutated_answers(shared_gateway: Running, upstream, changes, form, cuts):
    check_answer(shared_gateway, upstream, changes, form, cuts)
