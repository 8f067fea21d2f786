"""Answers: how they are framed, that no header breaks out of its line, and clients that take them slowly or not at all."""

import asyncio

import pytest
from tests.gateway.http.raw_requests import GET

from tidegate.gateway.http.server import Limits


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
