"""A server as a whole: where it listens, how it shares its loop, and that nothing is left behind."""

import asyncio
import gc
import socket
import time
import weakref

import psutil
from tests.gateway.http.raw_requests import GET, post

from tidegate.gateway.http.connection import Connection


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
