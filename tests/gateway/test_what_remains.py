"""What a request holds, and when it lets go: a stream of what was asked once it has begun, a connection of everything
between two requests, and a request that is over, in whatever way, of all without the collector's help."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator

import httpx2
import pytest
from tests.faults.raw_upstreams import chat_events, read_request, serving, whole_chat
from tests.gateway.gateway_bench import KEY, chat_body, service, until

from tidegate.gateway.attempt import Attempt
from tidegate.gateway.call import Call
from tidegate.gateway.http.client import UpstreamConnection, UpstreamResponse
from tidegate.gateway.http.connection import Connection
from tidegate.gateway.http.requests import Request
from tidegate.gateway.http.timers import Timeout
from tidegate.gateway.stream_delivery import StreamDelivery
from tidegate.wire.relay_chat import ChatRelay

OF_A_REQUEST = (Attempt, Call, StreamDelivery, ChatRelay, Timeout, UpstreamResponse)
OF_A_CONNECTION = (Connection, Request, UpstreamConnection)


Alive = Callable[..., set[str]]


@pytest.fixture
def alive() -> Iterator[Alive]:
    """Names the given kinds of which something is there that was not there before; nothing is collected meanwhile."""
    gc.collect()
    before = [thing for thing in gc.get_objects() if type(thing) in OF_A_REQUEST + OF_A_CONNECTION]
    known = set(map(id, before))
    gc.disable()
    yield lambda *kinds: {
        type(thing).__name__ for thing in gc.get_objects() if type(thing) in kinds and id(thing) not in known
    }
    gc.enable()


@pytest.mark.parametrize("stream", [True, False])
async def test_a_whole_answer(bench, simulate, alive, stream):
    bench.provide("sim", await simulate())
    bench.publish(service())
    for _ in range(3):
        assert (await bench.chat(stream=stream)).status_code == 200
    await until(lambda: not alive(*OF_A_REQUEST))
    await bench.client.aclose()
    bench.gateway.pool.close()
    await until(lambda: not alive(*OF_A_CONNECTION))


@pytest.mark.parametrize("behaviour", [{"token_seconds": 60.0}, {"first_token_seconds": 60.0}], ids=["mid", "before"])
async def test_a_client_that_leaves(bench, simulate, alive, behaviour):
    sim = await simulate({"stable-model": {"answer": "one two", **behaviour}})
    bench.provide("sim", sim)
    bench.publish(service())
    asking = asyncio.create_task(bench.chat(stream=True))
    await until(lambda: len(sim.requests) == 1)
    if "token_seconds" in behaviour:
        await until(lambda: bool(alive(StreamDelivery)))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: not alive(*OF_A_REQUEST, *OF_A_CONNECTION))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset", "before": "headers"},
        {"kind": "reset", "before": "token"},
        {"kind": "truncate", "by": "chunk"},
        {"kind": "truncate", "by": "cut"},
        {"kind": "stream_error"},
        {"kind": "error"},
    ],
    ids=lambda fault: "-".join(fault.values()),
)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_upstream_that_fails(bench, simulate, alive, fault, stream):
    sim = await simulate({"stable-model": {"answer": "one two three four five", "faults": [fault]}})
    bench.provide("sim", sim)
    bench.publish(service())
    with contextlib.suppress(httpx2.RemoteProtocolError):
        await bench.chat(stream=stream)
    assert sim.requests
    await bench.client.aclose()
    bench.gateway.pool.close()
    await until(lambda: not alive(*OF_A_REQUEST, *OF_A_CONNECTION))


async def test_an_upstream_that_cannot_be_reached(bench, closed_port, alive):
    bench.provide("sim", closed_port)
    bench.publish(service())
    assert (await bench.chat(stream=True)).status_code == 502
    await bench.client.aclose()
    await until(lambda: not alive(*OF_A_REQUEST, *OF_A_CONNECTION))


LARGE = 4 << 20


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Bytes that Python holds beyond what it held at first."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    yield lambda: tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()


def request_of(size: int, *, stream: bool) -> bytes:
    body = json.dumps(chat_body(messages=[{"role": "user", "content": "x" * size}], stream=stream)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def test_a_stream_that_has_begun_does_not_hold_what_was_asked(bench, traced):
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    is_cancelled = asyncio.Event()

    async def serve(reader, writer):
        await read_request(reader)
        writer.write(answer + chat_events("one two", is_finished=False))
        try:
            await reader.read()
        finally:
            is_cancelled.set()

    async with serving(serve) as url:
        bench.provide("sim", url)
        bench.publish(service())
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port)
        writer.write(request_of(LARGE, stream=True))
        await writer.drain()
        await reader.readuntil(b"two")
        await until(lambda: traced() < LARGE // 4)
        writer.close()
        row = (await bench.observations.after(1))[0]
        await is_cancelled.wait()
    assert (row.outcome, row.is_estimated) == ("cancelled", True)
    assert LARGE // 5 < row.input_tokens < LARGE // 3, "the estimate still knows how long it was"


async def test_a_connection_between_two_requests_does_not_hold_the_last_one(bench, traced):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"

    async def serve(reader, writer):
        await read_request(reader)
        writer.write(head % len(whole_chat()) + whole_chat())

    async with serving(serve) as url:
        bench.provide("sim", url)
        bench.publish(service())
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port)
        for _ in range(3):  # the second has the same head as the first, which is then remembered
            writer.write(request_of(LARGE, stream=False))
            await writer.drain()
            await reader.readuntil(whole_chat())
        await until(lambda: traced() < LARGE // 4)
        writer.close()


@pytest.mark.parametrize("is_reused", [False, True])
async def test_what_is_asked_is_held_once_while_its_answer_is_waited_for(bench, traced, is_reused):
    """It is written anew for the upstream, and what was written is not held."""
    count, size, seen, gone = 32, 60_000, [], 0
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(whole_chat())

    async def serve(reader, writer):
        nonlocal gone
        try:
            while True:
                seen.append(len((await read_request(reader))[1]))
                if seen[-1] < size:
                    await until(lambda: len(seen) == count)  # so that each has a connection of its own
                    writer.write(head + whole_chat())
        finally:
            gone += 1

    async def ask(length):
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port)
        writer.write(request_of(length, stream=length == size))
        return reader, writer

    async with serving(serve) as url:
        bench.provide("sim", url)
        bench.publish(service())
        if is_reused:
            for reader, writer in [await ask(10) for _ in range(count)]:
                await reader.readuntil(whole_chat())
                writer.close()
            seen.clear()
        writers = [(await ask(size))[1] for _ in range(count)]
        await until(lambda: len(seen) == count)
        await until(lambda: traced() < 1.85 * count * size)
        for writer in writers:
            writer.close()
        await until(lambda: gone == count)
