"""The body of an answer: as it is sent, no more of it at once than is taken, and never mistaken for whole."""

import asyncio

import pytest
from tests.gateway.http.upstreams import CHUNKED, gather, send

from tidegate.gateway.http.client import BodyTooLargeError, ProtocolError, TruncatedBodyError


async def test_a_stream_arrives_as_it_is_sent_and_the_connection_is_pooled(pool, upstream):
    go = asyncio.Event()

    async def answer(number, reader, writer):
        writer.write(CHUNKED + b"3;ext=1\r\nabc\r\n2\r\nde\r\n")
        await go.wait()
        writer.write(b"1\r\nf\r\n0\r\n\r\n")

    server = await upstream(answer)
    response = await send(pool, server.origin)
    pieces = []
    task = asyncio.create_task(response.stream_to(pieces.append))
    await asyncio.sleep(0.05)
    assert pieces == [b"abcde"]  # two chunks of one read are one call
    go.set()
    await task
    assert b"".join(pieces) == b"abcdef"
    assert response.is_complete
    assert pool.idle == 1


async def test_a_trailer_of_an_answer_is_no_header_and_its_connection_is_not_used_again(pool, upstream):
    trailers = b"X-Trailer: 1\r\nContent-Type: text/html\r\n\r\n"
    server = await upstream(CHUNKED + b"3\r\nabc\r\n0\r\n" + trailers)
    for _ in range(2):
        response = await send(pool, server.origin)
        assert await response.read(10) == b"abc"
        assert response.headers.keys() == {b"transfer-encoding"}
    assert server.accepted == 2


async def test_an_answer_delimited_by_close_is_read_and_not_pooled(pool, upstream):
    async def answer(number, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await asyncio.sleep(0.02)
        writer.write(b"def")
        writer.close()

    server = await upstream(answer)
    response = await send(pool, server.origin)
    assert not response.is_delimited
    assert await gather(response) == b"abcdef"
    assert pool.idle == 0


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
        CHUNKED + b"9\r\nabc",
        CHUNKED + b"3\r\nabc\r\n",
        CHUNKED + b"3\r\nabc\r\n0\r\n",
        CHUNKED + b"3\r\nab",
        CHUNKED,
    ],
)
async def test_a_truncated_body_raises(pool, upstream, data):
    async def answer(number, reader, writer):
        writer.write(data)
        await asyncio.sleep(0.01)
        writer.close()

    server = await upstream(answer)
    for consume in (gather, lambda response: response.read(100)):
        response = await send(pool, server.origin)
        with pytest.raises(TruncatedBodyError):
            await consume(response)
        assert not response.is_complete
    response = await send(pool, server.origin)
    await asyncio.sleep(0.05)  # it breaks before anybody reads
    with pytest.raises(TruncatedBodyError):
        await response.read(100)
    assert pool.idle == 0


async def test_a_broken_chunk_inside_the_body_is_a_protocol_error(pool, upstream):
    server = await upstream(CHUNKED + b"3\r\nabc\r\nzz\r\n")
    response = await send(pool, server.origin)
    with pytest.raises(ProtocolError):
        await gather(response)


async def test_cancelling_or_closing_mid_stream_closes_the_connection_upstream(pool, upstream, until):
    server = await upstream(CHUNKED + b"1\r\na\r\n")
    response = await send(pool, server.origin)
    task = asyncio.create_task(gather(response))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: server.ended == 1)
    response = await send(pool, server.origin)
    response.close()
    await until(lambda: server.ended == 2)
    assert pool.idle == 0


async def test_a_failing_consumer_closes_the_connection_and_gets_its_error(pool, upstream, until):
    async def answer(number, reader, writer):
        writer.write(CHUNKED)
        await asyncio.sleep(0.02)
        writer.write(b"1\r\na\r\n")

    server = await upstream(answer)
    with pytest.raises(ZeroDivisionError):
        await (await send(pool, server.origin)).stream_to(lambda data: 1 / 0)
    await until(lambda: server.ended == 1)


async def test_read_is_bounded_by_its_limit(pool, upstream):
    server = await upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n" + b"x" * 11)
    with pytest.raises(BodyTooLargeError):
        await (await send(pool, server.origin)).read(10)
    assert len(await (await send(pool, server.origin)).read(11)) == 11

    async def answer(number, reader, writer):
        writer.write(CHUNKED + b"6\r\naaaaaa\r\n")
        await asyncio.sleep(0.01)
        writer.write(b"6\r\naaaaaa\r\n")

    server = await upstream(answer)
    with pytest.raises(BodyTooLargeError):
        await (await send(pool, server.origin)).read(10)


async def test_pausing_makes_the_upstream_wait_and_bounds_memory(pool, upstream):
    sent = 0

    async def answer(number, reader, writer):
        nonlocal sent
        writer.write(CHUNKED)
        for _ in range(400):
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536
        writer.write(b"0\r\n\r\n")

    server = await upstream(answer)
    response = await send(pool, server.origin)
    await asyncio.sleep(0.1)  # nobody reads: only the read-ahead is taken
    assert response._held_bytes < 1_000_000
    before = sent
    assert before < 400 * 65536
    size = 0

    def take(data):
        nonlocal size
        size += len(data)
        response.pause()
        asyncio.get_running_loop().call_soon(response.resume)

    await response.stream_to(take)
    assert size == 400 * 65536
    assert pool.idle == 1


@pytest.mark.parametrize("consume", [gather, lambda response: response.read(4 << 20)], ids=["stream", "read"])
async def test_who_begins_to_read_late_gets_all_that_follows_what_was_read_ahead(pool, upstream, until, consume):
    server = await upstream(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (2 << 20) + b"x" * (2 << 20))
    response = await send(pool, server.origin)
    await until(lambda: response.is_paused)
    assert len(await consume(response)) == 2 << 20
    assert pool.idle == 1
