"""What a client may take of size and time, and how it is told."""

import asyncio
import json

import pytest
from tests.gateway.http.hand_wheel import HandWheel
from tests.gateway.http.raw_requests import GET

from tidegate.gateway.http.server import Limits


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


async def test_too_many_connections_are_told_so(place, echo_handler):
    server = await place.serve(echo_handler, limits=Limits(connections=1))
    first = await place.connect(server)
    await first.send(GET)
    assert (await first.answer())[0] == 200
    second = await place.connect(server)
    assert (await second.answer())[0] == 503
    await first.send(GET)
    assert (await first.answer())[0] == 200
