"""One request and its answer over one connection: framing, what is malformed, and who gives up first."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.http.upstreams import CHUNKED, OK, Peer, send

from tidegate.gateway.http.client import Origin, ProtocolError, UpstreamConnection, request_head
from tidegate.gateway.http.writes import WriteBatch


async def test_a_request_and_its_answer(pool, upstream):
    server = await upstream(OK.replace(b"\r\n\r\n", b"\r\nX-A: 1\r\nx-a: 2 \r\n\r\n"))
    response = await send(pool, server.origin, b"abc")
    assert response.status == 200
    assert response.headers == {b"content-length": b"2", b"x-a": b"1, 2"}
    assert await response.read(10) == b"ok"
    [(_, head, body)] = server.seen
    assert head == b"POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-a: b\r\ncontent-length: 3\r\n\r\n" % server.port
    assert body == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + OK,
        b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: %b\r\n\r\n" % (b"a" * 200_000),
        b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
        b"HTTP/1.1 200 O\0K\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\x1b\r\ncontent-length: 0\r\n\r\n",
        b"hello\r\n",
        b"\r\n" + OK,
        b"\n" + OK,
    ],
)
async def test_an_ambiguous_or_malformed_answer_is_refused(pool, upstream, data):
    server = await upstream(data)
    with pytest.raises(ProtocolError):
        await send(pool, server.origin)
    assert pool.idle == 0


async def test_interim_answers_are_skipped(pool, upstream):
    server = await upstream(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK)
    response = await send(pool, server.origin)
    assert response.headers == {b"content-length": b"2"}
    assert await response.read(10) == b"ok"
    assert pool.idle == 1


async def test_204_has_no_body_and_its_connection_lives(pool, upstream):
    server = await upstream(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert await (await send(pool, server.origin)).read(10) == b""
    assert pool.idle == 1


async def test_cancelling_closes_the_connection_upstream(pool, upstream, until):
    async def never(number, reader, writer):
        await asyncio.sleep(0)

    server = await upstream(never)
    task = asyncio.create_task(send(pool, server.origin))
    await until(lambda: len(server.seen) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: server.ended == 1)


async def test_a_large_body_is_sent_in_slices_while_the_upstream_is_slow(pool, upstream):
    async def answer(number, reader, writer):
        writer.write(OK)

    server = await upstream(answer, limit=1000)
    parts = (b"a" * 3_000_000, memoryview(b"bc" * 2_000_000)[1:], b"", b"d")
    length = sum(map(len, parts))
    head = request_head(b"POST", b"/", server.origin, (), length)
    response = await pool.request(server.origin, head, parts)
    assert await response.read(10) == b"ok"
    assert server.seen[0][2] == b"".join(parts)
    assert pool.idle == 1


async def test_an_upstream_that_refuses_before_reading_the_body_is_heard(pool, wheel):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()

    server = await Peer().open(refuse, limit=1000)
    origin = Origin.from_url(f"http://127.0.0.1:{server.port}")
    response = await send(pool, origin, b"x" * 30_000_000)
    assert response.status == 413
    assert await response.read(10) == b"no"
    assert pool.idle == 0
    await server.stop()


class Wire(asyncio.Transport):
    def write(self, data): ...
    def set_write_buffer_limits(self, high=None, low=None): ...
    def pause_reading(self): ...
    def resume_reading(self): ...
    def abort(self): ...


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20), max_size=6), st.booleans(), st.data())
def test_any_split_of_an_answer_gives_the_same_body(pieces, is_chunked, data):
    body = b"".join(pieces)
    if is_chunked:
        stream = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
    else:
        stream = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))

    async def run():
        kept = []
        connection = UpstreamConnection(
            kept.append, Origin.from_url("http://a"), WriteBatch(asyncio.get_running_loop())
        )
        connection.connection_made(Wire())
        exchange = asyncio.ensure_future(connection.exchange(b"head", ()))
        await asyncio.sleep(0)
        for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            if a != b:
                connection.data_received(stream[a:b])
        response = await exchange
        assert await response.read(1000) == body
        assert kept == [connection]

    asyncio.run(run())
