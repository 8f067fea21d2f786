"""Connections are kept for the next request, and only those that are surely sound."""

import asyncio

import pytest
from tests.gateway.http.upstreams import CHUNKED, OK, send

from tidegate.gateway.http.client import ConnectionLostError, Pool


async def test_a_connection_is_reused_and_the_last_used_first(pool, upstream):
    server = await upstream(OK)
    for _ in range(3):
        assert await (await send(pool, server.origin)).read(10) == b"ok"
    assert server.accepted == 1
    first, second = await asyncio.gather(send(pool, server.origin), send(pool, server.origin))
    assert first.is_reused != second.is_reused
    await first.read(10)
    await second.read(10)
    assert pool.idle == 2
    for _ in range(3):
        await (await send(pool, server.origin)).read(10)
    assert len({number for number, _, _ in server.seen[-3:]}) == 1


@pytest.mark.parametrize(
    "data",
    [
        OK + b"x",
        OK + OK,
        OK + b"\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\n\r\n\r\n",
        OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_with_bytes_after_the_answer_is_never_pooled(pool, upstream, data):
    server = await upstream(data)
    for n in range(1, 3):
        assert await (await send(pool, server.origin)).read(10) == b"ok"
        assert pool.idle == 0
        assert server.accepted == n


async def test_unsolicited_bytes_while_idle_poison_the_connection(pool, upstream, until):
    async def answer(number, reader, writer):
        writer.write(OK)
        await asyncio.sleep(0.02)
        writer.write(OK.replace(b"ok", b"no"))

    server = await upstream(answer)
    assert await (await send(pool, server.origin)).read(10) == b"ok"
    await until(lambda: server.ended == 1)
    assert await (await send(pool, server.origin)).read(10) == b"ok"
    assert server.accepted == 2


async def test_a_reused_connection_that_dies_silently_is_replaced_once(pool, upstream):
    async def answer(number, reader, writer):
        if number == 1 and len(server.seen) > 1:
            writer.close()  # the second request on the first connection
            return
        writer.write(OK)

    server = await upstream(answer)
    for n in range(2):
        response = await send(pool, server.origin, b"body %d" % n)
        assert await response.read(10) == b"ok"
    assert [(n, body) for n, _, body in server.seen] == [(1, b"body 0"), (1, b"body 1"), (2, b"body 1")]
    assert not response.is_reused


async def test_a_fresh_connection_that_dies_is_not_tried_again(pool, upstream):
    async def answer(number, reader, writer):
        writer.close()

    server = await upstream(answer)
    with pytest.raises(ConnectionLostError) as caught:
        await send(pool, server.origin)
    assert not caught.value.is_reused
    assert not caught.value.has_bytes
    assert server.accepted == 1


async def test_a_reused_connection_that_dies_after_a_byte_is_not_tried_again(pool, upstream):
    async def answer(number, reader, writer):
        if len(server.seen) > 1:
            writer.write(b"HTTP/1.1 2")
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.close()
            return
        writer.write(OK)

    server = await upstream(answer)
    await (await send(pool, server.origin)).read(10)
    with pytest.raises(ConnectionLostError) as caught:
        await send(pool, server.origin)
    assert caught.value.is_reused
    assert caught.value.has_bytes


async def test_idle_connections_are_closed_after_their_time(wheel, upstream, until):
    pool = Pool(wheel, idle_seconds=0.05)
    server = await upstream(OK)
    await (await send(pool, server.origin)).read(10)
    assert pool.idle == 1
    await until(lambda: pool.idle == 0 and server.ended == 1)


async def test_an_aged_connection_is_not_used_again_and_idle_ones_are_bounded(wheel, upstream):
    pool = Pool(wheel, age_seconds=-1.0)
    server = await upstream(OK)
    for _ in range(2):
        await (await send(pool, server.origin)).read(10)
    assert server.accepted == 2
    pool.close()
    pool = Pool(wheel, max_idle=1)
    answers = await asyncio.gather(*(send(pool, server.origin) for _ in range(3)))
    for answer in answers:
        await answer.read(10)
    assert pool.idle == 1
    pool.close()


async def test_a_closed_pool_keeps_nothing(wheel, upstream):
    pool = Pool(wheel)
    server = await upstream(OK)
    response = await send(pool, server.origin)
    pool.close()
    await response.read(10)
    response = await send(pool, server.origin)
    await response.read(10)
    assert pool.idle == 0
