import asyncio
import gc
import json
import socket
import struct
import time
import weakref

import psutil
import pytest
from tests.gateway.http.hand_wheel import HandWheel

from tidegate.gateway.http.connection import Connection
from tidegate.gateway.http.server import Limits

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


def post(body: bytes, extra: bytes = b"") -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), extra, body)


async def test_it_answers_and_keeps_the_connection(place, echo_handler):
    server = await place.serve(echo_handler)
    client = await place.connect(server)
    for n in range(3):
        await client.send(post(b"%d" % n))
        status, headers, body = await client.answer()
        assert (status, body) == (200, b"POST /a %d" % n)
        assert b"connection" not in headers
        assert headers[b"date"].endswith(b"gmt")
    assert server.connections == 1
    assert server.in_flight == 0


async def test_pipelined_requests_are_answered_in_order_one_at_a_time(place):
    running = 0

    async def slow_first(request, responder):
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.02 if request.body == b"0" else 0)
        running -= 1
        responder.send(200, (), bytes(request.body))

    client = await place.connect(await place.serve(slow_first))
    await client.send(b"".join(post(b"%d" % n) for n in range(50)))
    assert [(await client.answer())[2] for _ in range(50)] == [b"%d" % n for n in range(50)]


async def test_a_refused_request_in_the_pipeline_comes_after_the_answers_before_it(place, echo_handler):
    client = await place.connect(await place.serve(echo_handler))
    await client.send(post(b"x") + b"GET / HTTP/9.9\r\nHost: a\r\n\r\n" + post(b"y"))
    assert (await client.answer())[0] == 200
    status, headers, _ = await client.answer()
    assert (status, headers[b"connection"]) == (505, b"close")
    assert await client.rest() == b""


async def test_an_endless_pipeline_is_held_back_while_a_request_is_served(place, until):
    go = asyncio.Event()

    async def wait(request, responder):
        await go.wait()
        responder.send(200, (), b"")

    server = await place.serve(wait, limits=Limits(backlog_bytes=10_000))
    client = await place.connect(server)
    client.writer.write(post(b"x" * 2000) * 10_000)
    await until(lambda: server.in_flight == 1)
    await asyncio.sleep(0.1)
    [connection] = server._connections
    assert connection._reader.held < 600_000  # one more read than the backlog allows
    go.set()
    for _ in range(10_000):
        assert (await client.answer())[0] == 200


@pytest.mark.parametrize("leave", ["close", "reset"])
async def test_a_client_that_leaves_cancels_the_handler(place, until, leave):
    seen = []

    async def wait(request, responder):
        seen.append("began")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            responder.send(200, (), b"nobody reads it")
            raise

    server = await place.serve(wait)
    client = await place.connect(server)
    await client.send(GET)
    await until(lambda: seen == ["began"])
    if leave == "reset":
        channel = client.writer.get_extra_info("socket")
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await client.close()
    await until(lambda: seen == ["began", "cancelled"])
    await until(lambda: server.connections == 0 and server.in_flight == 0)


async def test_a_client_that_leaves_is_noticed_even_while_reading_is_paused(place, until):
    seen = []

    async def wait(request, responder):
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    server = await place.serve(wait, limits=Limits(backlog_bytes=100))
    client = await place.connect(server)
    await client.send(post(b"x") + post(b"y" * 20_000))
    await until(lambda: server.in_flight == 1)
    await client.close()
    await until(lambda: seen == ["cancelled"])


async def test_a_half_closed_client_gets_what_is_ready_at_once(place, echo_handler):
    client = await place.connect(await place.serve(echo_handler))
    client.writer.write(post(b"x"))
    client.writer.write_eof()
    data = await client.rest()
    assert data.startswith(b"HTTP/1.1 200")
    assert data.endswith(b"POST /a x")


async def test_a_chunked_answer_and_its_abortion(place):
    async def stream(request, responder):
        responder.start(200, ((b"content-type", b"text/event-stream"),))
        for n in range(3):
            responder.write(b"data: %d\n\n" % n)
            responder.write(b"")
            await asyncio.sleep(0)
        responder.abort() if request.path == "/broken" else responder.end()

    server = await place.serve(stream)
    client = await place.connect(server)
    await client.send(GET)
    _, headers, body = await client.answer()
    assert headers[b"transfer-encoding"] == b"chunked"
    assert body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
    await client.send(GET.replace(b"/a", b"/broken"))
    data = await client.rest()
    assert data.endswith(b"9\r\ndata: 2\n\n\r\n")  # all that was written, and no last chunk


async def test_answers_with_a_length_are_framed_by_it(place):
    async def answer(request, responder):
        responder.start(200, (), length=6)
        responder.write(b"abc")
        if request.path == "/long":
            with pytest.raises(ValueError, match="longer"):
                responder.write(b"defg")
        if request.path == "/a":
            responder.write(b"def")
        responder.end()

    server = await place.serve(answer)
    client = await place.connect(server)
    await client.send(GET)
    assert (await client.answer())[2] == b"abcdef"
    await client.send(GET.replace(b"/a", b"/short"))
    assert (await client.rest()).endswith(b"\r\n\r\nabc")
    client = await place.connect(server)
    await client.send(GET.replace(b"/a", b"/long"))
    assert (await client.rest()).endswith(b"\r\n\r\nabc")


async def test_head_204_and_304_have_no_body(place):
    async def answer(request, responder):
        responder.send(int(request.query or 200), (), b"body")

    client = await place.connect(await place.serve(answer))
    await client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    status, headers, _ = await client.answer(head_only=True)
    assert (status, headers[b"content-length"]) == (200, b"4")
    for code in (204, 304):
        await client.send(b"GET /?%d HTTP/1.1\r\nHost: a\r\n\r\n" % code)
        status, headers, _ = await client.answer(head_only=True)
        assert status == code
        assert b"content-length" not in headers
        assert b"transfer-encoding" not in headers
    await client.send(GET)
    assert (await client.answer())[2] == b"body"  # nothing was left between


async def test_an_http_1_0_client_gets_no_chunks(place):
    async def stream(request, responder):
        responder.start(200, ())
        responder.write(b"abc")
        responder.write(b"def")
        responder.abort() if request.path == "/broken" else responder.end()

    server = await place.serve(stream)
    client = await place.connect(server)
    await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    data = await client.rest()
    assert b"connection: close\r\n" in data
    assert b"chunked" not in data
    assert data.endswith(b"\r\n\r\nabcdef")
    client = await place.connect(server)
    await client.send(b"GET /broken HTTP/1.0\r\n\r\n")
    with pytest.raises(ConnectionResetError):  # a clean close would look like a whole answer
        await client.reader.read(-1)


async def test_an_http_1_0_client_may_keep_its_connection(place, echo_handler):
    client = await place.connect(await place.serve(echo_handler))
    for _ in range(2):
        await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (await client.answer())[1][b"connection"] == b"keep-alive"


@pytest.mark.parametrize(
    "pair", [(b"a", b"b\r\nc: d"), (b"a", b"b\nc"), (b"a", b"b\rc"), (b"a", b"b\0c"), (b"a\r\nb", b"c")]
)
async def test_a_header_cannot_inject_another(place, pair):
    async def answer(request, responder):
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            responder.send(200, (pair,), b"")
        responder.send(200, ((b"connection", b"x"), (b"content-length", b"99"), (b"fine", b"yes")), b"ok")

    client = await place.connect(await place.serve(answer))
    await client.send(GET)
    _, headers, body = await client.answer()
    assert body == b"ok"
    assert set(headers) == {b"date", b"fine", b"content-length"}


async def test_a_failing_or_silent_handler_is_a_500_and_the_connection_lives(place, caplog):
    async def fail(request, responder):
        if request.path == "/started":
            responder.start(200, ())
            responder.write(b"x")
        if request.path != "/silent":
            raise RuntimeError("boom")

    server = await place.serve(fail)
    client = await place.connect(server)
    for target in (b"/fail", b"/silent"):
        await client.send(GET.replace(b"/a", target))
        status, _, body = await client.answer()
        assert (status, json.loads(body)["error"]["code"]) == (500, "internal_error")
    assert "boom" in caplog.text
    await client.send(GET.replace(b"/a", b"/started"))
    assert (await client.rest()).endswith(b"1\r\nx\r\n")


async def test_a_handler_cancelled_by_another_does_not_leave_its_connection_open(place, until):
    async def cancelled(request, responder):
        raise asyncio.CancelledError

    server = await place.serve(cancelled)
    client = await place.connect(server)
    await client.send(GET)
    assert await client.rest() == b""
    await until(lambda: server.connections == 0 and server.in_flight == 0)


async def test_a_body_too_large_is_refused_before_it_is_read(place, echo_handler):
    client = await place.connect(await place.serve(echo_handler, limits=Limits(body_bytes=1000)))
    await client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n")
    status, headers, body = await client.answer()
    assert status == 413
    assert headers[b"connection"] == b"close"
    assert "limit of 1000 bytes" in json.loads(body)["error"]["message"]


async def test_a_refusal_survives_a_client_that_goes_on_sending(place, echo_handler):
    client = await place.connect(await place.serve(echo_handler, limits=Limits(body_bytes=1000)))
    client.writer.write(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 3_000_000)
    assert (await client.answer())[0] == 413


async def test_errors_speak_the_dialect_of_their_path(place, echo_handler):
    def render(path, status, code, message):
        return ((b"content-type", b"text/plain"),), f"{path} {status} {code}".encode()

    server = await place.serve(echo_handler, limits=Limits(body_bytes=10), render_error=render)
    client = await place.connect(server)
    await client.send(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
    assert (await client.answer())[2] == b"/v1/messages 413 body_too_large"
    client = await place.connect(server)
    await client.send(b"POST /v1/messages HTTP/1.1\r\n\r\n")
    assert (await client.answer())[2] == b" 400 malformed_http"


async def test_one_hundred_continue(place, echo_handler):
    client = await place.connect(await place.serve(echo_handler, limits=Limits(body_bytes=100)))
    await client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"abc")
    assert (await client.answer())[2] == b"POST /a abc"
    await client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\nExpect: 100-continue\r\n\r\n")
    assert (await client.answer())[0] == 413


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"POST /a HT", "headers"),
        (GET[:-2], "headers"),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", "body"),
    ],
)
async def test_a_request_that_does_not_arrive_in_time_is_a_408(place, echo_handler, data, part):
    limits = Limits(head_seconds=0.05, body_seconds=0.05)
    client = await place.connect(await place.serve(echo_handler, limits=limits))
    await client.send(data)
    status, _, body = await client.answer()
    assert status == 408
    assert part in json.loads(body)["error"]["message"]
    assert await client.rest() == b""


async def test_dribbling_does_not_extend_the_time_for_headers_or_body(place, echo_handler):
    limits = Limits(head_seconds=0.15, body_seconds=0.15)
    server = await place.serve(echo_handler, limits=limits)
    for head in (b"GET /a HTTP/1.1\r\nX: ", b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n"):
        client = await place.connect(server)
        await client.send(head)
        async with asyncio.timeout(120):
            while not client.reader._buffer:
                client.writer.write(b"x")
                await asyncio.sleep(0.01)
        assert (await client.answer())[0] == 408


async def test_a_slow_body_that_makes_progress_is_read(place, echo_handler, until):
    hand = HandWheel()
    server = await place.serve(echo_handler, limits=Limits(body_seconds=0.2), wheel=hand)
    client = await place.connect(server)
    await client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 12001\r\n\r\n")
    await until(lambda: bool(server._connections))
    [connection] = server._connections
    for number in range(1, 7):
        await client.send(b"x" * 2000)
        await until(lambda read=2000 * number: connection._reader.body_bytes >= read)
        await hand.advance(0.15)
    await client.send(b"x")
    assert (await client.answer())[0] == 200


async def test_an_idle_connection_is_closed_silently(place, echo_handler, until):
    hand = HandWheel()
    server = await place.serve(echo_handler, limits=Limits(idle_seconds=0.05), wheel=hand)
    fresh = await place.connect(server)
    used = await place.connect(server)
    await used.send(GET)
    await used.answer()
    await until(lambda: server.connections == 2)
    turning = asyncio.create_task(hand.keep_turning())
    assert await fresh.rest() == b""
    assert await used.rest() == b""
    turning.cancel()


async def test_a_slow_reader_pauses_the_writer_and_bounds_memory(place, until):
    size = 64 * 1024
    written = 0

    async def flood(request, responder):
        nonlocal written
        responder.start(200, ())
        for _ in range(200):
            responder.write(b"x" * size)
            written += size
            await responder.drain()
        responder.end()

    server = await place.serve(flood)
    client = await place.connect(server)
    await client.send(GET)
    await until(lambda: written > 0)
    await asyncio.sleep(0.2)
    before = written
    assert before < 200 * size
    [connection] = server._connections
    assert connection.is_write_paused
    assert connection._transport.get_write_buffer_size() < 131_072 + 2 * size
    _, _, body = await client.answer()
    assert len(body) == 200 * size


async def test_on_writable_tells_when_the_client_has_caught_up(place):
    calls = []

    async def push(request, responder):
        responder.start(200, ())
        done = asyncio.Event()
        responder.on_writable = lambda: (calls.append(responder.is_writable), done.set())
        while responder.is_writable:
            responder.write(b"x" * 65536)
        await done.wait()
        responder.end()

    client = await place.connect(await place.serve(push))
    await client.send(GET)
    await client.answer()
    assert calls == [True]


async def test_a_client_that_takes_nothing_is_cut_off(place, until):
    outcome = []

    async def flood(request, responder):
        responder.start(200, ())
        try:
            while True:
                responder.write(b"x" * 65536)
                await responder.drain()
        except asyncio.CancelledError:
            outcome.append("cancelled")
            raise

    server = await place.serve(flood, limits=Limits(stall_seconds=0.1))
    client = await place.connect(server)
    client.writer.transport.pause_reading()
    await client.send(GET)
    await until(lambda: outcome == ["cancelled"])
    await until(lambda: server.connections == 0)


async def test_twenty_megabytes_do_not_stall_the_loop(place):
    longest = 0.0
    seen = []

    async def take(request, responder):
        seen.append((len(request.body), bytes(request.body[:3]), bytes(request.body[-3:])))
        responder.send(200, (), b"")

    client = await place.connect(await place.serve(take))
    body = b"abc" + b"x" * 20_000_000 + b"xyz"
    small = await place.connect(place.servers[0])

    async def heartbeat():
        nonlocal longest
        while True:
            began = time.thread_time()  # what this thread computed, whatever else the machine does
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    beat = asyncio.create_task(heartbeat())
    client.writer.write(post(body))
    await small.send(GET)
    assert (await client.answer())[0] == 200
    beat.cancel()
    assert (20_000_006, b"abc", b"xyz") in seen
    assert (await small.answer())[0] == 200
    assert longest < 0.1  # far above one piece, below a pass of Python over the whole body


async def test_too_many_connections_are_told_so(place, echo_handler):
    server = await place.serve(echo_handler, limits=Limits(connections=1))
    first = await place.connect(server)
    await first.send(GET)
    assert (await first.answer())[0] == 200
    second = await place.connect(server)
    assert (await second.answer())[0] == 503
    await first.send(GET)
    assert (await first.answer())[0] == 200


async def test_draining_finishes_what_runs_and_closes_the_rest(place):
    go = asyncio.Event()

    async def wait(request, responder):
        await go.wait()
        responder.send(200, (), b"done")

    server = await place.serve(wait)
    idle, busy = await place.connect(server), await place.connect(server)
    await busy.send(GET)
    await asyncio.sleep(0.05)
    drained = asyncio.create_task(server.drain(5))
    assert await idle.rest() == b""
    with pytest.raises(OSError):  # noqa: PT011
        await place.connect(server)
    assert not drained.done()
    go.set()
    _, headers, body = await busy.answer()
    assert (headers[b"connection"], body) == (b"close", b"done")
    await asyncio.wait_for(drained, 120)
    assert server.connections == 0


async def test_draining_is_bounded(place):
    async def hang(request, responder):
        await asyncio.sleep(60)

    server = await place.serve(hang)
    client = await place.connect(server)
    await client.send(GET)
    await asyncio.sleep(0.05)
    await asyncio.wait_for(server.drain(0.05), 120)
    assert server.connections == 0


async def test_it_serves_on_an_inherited_socket(place, wheel, echo_handler):
    from tidegate.gateway.http.server import listen

    channel = socket.socket()
    channel.bind(("127.0.0.1", 0))
    channel.listen(10)
    inherited = socket.socket(fileno=socket.dup(channel.fileno()))
    channel.close()
    server = await listen(inherited, echo_handler, wheel=wheel)
    place.servers.append(server)
    client = await place.connect(server)
    await client.send(GET)
    assert (await client.answer())[0] == 200


async def test_no_task_and_no_descriptor_is_left_behind(place, until, echo_handler):
    server = await place.serve(echo_handler)
    process = psutil.Process()
    tasks, files = len(asyncio.all_tasks()), process.num_fds()
    for _ in range(20):
        client = await place.connect(server)
        await client.send(GET + GET[:10])
        await client.answer()
        await client.close()
    place.clients.clear()
    await until(lambda: server.connections == 0 and len(asyncio.all_tasks()) == tasks)
    await until(lambda: process.num_fds() <= files)


async def test_nothing_is_left_of_a_connection_whose_client_has_left(place, echo_handler, until):
    async def answer_and_wait(request, responder):
        await echo_handler(request, responder)
        await asyncio.Event().wait()

    server = await place.serve(answer_and_wait)
    client = await place.connect(server)
    await client.send(GET)
    await client.answer()
    task = weakref.ref(next(iter(server._connections))._task)
    await client.close()
    await until(lambda: server.connections == 0)
    # Counted, not listed: a list of what is left would itself hold it through the next look.
    await until(lambda: gc.collect() >= 0 and connections_of(server) == 0 and task() is None)


def connections_of(server) -> int:
    return sum(type(each) is Connection and each.server is server for each in gc.get_objects())
