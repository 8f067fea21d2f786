"""A server that stops while clients keep using their connections: nobody is reset, nobody goes unanswered."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tests.gateway.http.hand_wheel import HandWheel

from tidegate.gateway.http.server import Limits, listen

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Hammer:
    """One client that asks without pause, moves on when a connection ends, and asks again after a clean end."""

    def __init__(self, address) -> None:
        self.address = address
        self.by: list[bytes] = []
        self.moves = self.repeated = 0
        self.broken: list[str] = []

    async def run(self, stop: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection(*self.address)
        is_fresh = True
        while not stop.is_set():
            try:
                writer.write(GET)
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 120)
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.by.append(await reader.readexactly(length))
                is_closing = b"connection: close" in head.lower()
                is_fresh = False
            except asyncio.IncompleteReadError as error:
                if is_fresh or error.partial:
                    self.broken.append(repr(error))
                self.repeated += 1
                is_closing = True
            except OSError as error:
                self.broken.append(repr(error))
                is_closing = True
            if is_closing:
                self.moves += 1
                writer.close()
                reader, writer = await asyncio.open_connection(*self.address)
                is_fresh = True
        writer.close()


async def test_clients_that_hammer_kept_connections_move_from_one_server_to_the_next_without_a_failure(wheel, until):
    def named(name):
        async def answer(request, responder):
            await asyncio.sleep(0.002)
            responder.send(200, (), name)

        return answer

    shared = socket.create_server(("127.0.0.1", 0), backlog=256)
    shared.setblocking(False)
    stop = asyncio.Event()
    hammers = [Hammer(shared.getsockname()) for _ in range(20)]
    serving = await listen(shared.dup(), named(b"0"), wheel=wheel)
    tasks = [asyncio.create_task(hammer.run(stop)) for hammer in hammers]
    for generation in range(1, 6):
        await until(lambda last=b"%d" % (generation - 1): all(hammer.by[-1:] == [last] for hammer in hammers))
        fresh = await listen(shared.dup(), named(b"%d" % generation), wheel=wheel)
        await asyncio.wait_for(serving.drain(60), 40)  # hang guards; the idle ones get a second
        serving = fresh
    await until(lambda: all(hammer.by[-1:] == [b"5"] for hammer in hammers))
    stop.set()
    await asyncio.gather(*tasks)
    await serving.drain(0)
    shared.close()
    assert [broken for hammer in hammers for broken in hammer.broken] == []
    assert all(hammer.by[-1] == b"5" for hammer in hammers)
    assert all(hammer.moves >= 5 for hammer in hammers)
    assert sum(hammer.repeated for hammer in hammers) == 0  # each was told in time by `connection: close`


async def test_an_idle_connection_may_be_used_once_more_and_is_told_that_this_was_the_last_time(place, echo_handler):
    server = await place.serve(echo_handler, wheel=HandWheel())
    client = await place.connect(server)
    await client.send(GET)
    assert b"connection" not in (await client.answer())[1]
    drained = asyncio.create_task(server.drain(60))
    await asyncio.sleep(0)
    await client.send(GET)
    status, headers, _ = await client.answer()
    assert (status, headers[b"connection"]) == (200, b"close")
    assert await client.rest() == b""
    await asyncio.wait_for(drained, 120)


async def test_a_connection_whose_stream_began_before_the_drain_is_not_closed_in_its_clients_face(place):
    begun, go = asyncio.Event(), asyncio.Event()

    async def stream(request, responder):
        responder.start(200, ())
        responder.write(b"one")
        begun.set()
        await go.wait()
        responder.end()

    server = await place.serve(stream, wheel=HandWheel())
    client = await place.connect(server)
    await client.send(GET)
    await begun.wait()
    drained = asyncio.create_task(server.drain(60))
    await asyncio.sleep(0)
    go.set()
    _, headers, body = await client.answer()
    assert (b"connection" in headers, body) == (False, b"one")
    await client.send(GET)  # nothing told this client not to
    _, headers, body = await client.answer()
    assert (headers[b"connection"], body) == (b"close", b"one")
    await asyncio.wait_for(drained, 120)


async def test_a_request_that_crosses_the_end_of_an_idle_connection_is_not_reset(place, echo_handler, until):
    hand = HandWheel()
    server = await place.serve(echo_handler, limits=Limits(idle_seconds=0.05), wheel=hand)
    client = await place.connect(server)
    await until(lambda: server.connections == 1)
    await hand.advance(0.1)
    assert await asyncio.wait_for(client.reader.read(1), 120) == b""  # the server's end of it
    for _ in range(3):
        await client.send(GET)
    turning = asyncio.create_task(hand.keep_turning())
    assert await client.reader.read() == b""  # a reset would raise
    turning.cancel()


async def test_connections_that_arrive_in_the_instant_of_the_drain_are_served_by_either(wheel, echo_handler):
    shared = socket.create_server(("127.0.0.1", 0), backlog=256)
    shared.setblocking(False)
    old, new = [await listen(shared.dup(), echo_handler, wheel=wheel) for _ in range(2)]
    made = [socket.create_connection(shared.getsockname()) for _ in range(40)]  # in the kernel's queue by now
    opened = [await asyncio.open_connection(sock=each) for each in made]
    drained = asyncio.create_task(old.drain(60))
    for reader, writer in opened:
        writer.write(GET)
        assert (await asyncio.wait_for(reader.readline(), 120)).startswith(b"HTTP/1.1 200")
        writer.close()
    await asyncio.wait_for(drained, 40)
    await new.drain(0)
    shared.close()


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
