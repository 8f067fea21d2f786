"""Requests of one client: answered in order, bounded while one is served, and given up when the client leaves."""

import asyncio
import json
import socket
import struct

import pytest
from tests.gateway.http.raw_requests import GET, post

from tidegate.gateway.http.server import Limits


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


async def test_an_http_1_0_client_may_keep_its_connection(place, echo_handler):
    client = await place.connect(await place.serve(echo_handler))
    for _ in range(2):
        await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (await client.answer())[1][b"connection"] == b"keep-alive"


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
