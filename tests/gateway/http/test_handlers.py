"""How a connection runs its handlers: at once, by callbacks, or in a task."""

from __future__ import annotations

import asyncio
import gc

from tidegate.gateway.http.connection import Connection

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


def at_once(request, responder) -> None:
    responder.send(200, (), request.target)
    responder.finish()


async def wait(ended: list[str]) -> None:
    """Wait for ever, and say how that ended."""
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("cancelled")


class ByCallbacks:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.responders = []
        self.left = 0

    def __call__(self, _request, responder) -> None:
        self.responders.append(responder)
        responder.on_left = self._left

    def answer(self, number: int) -> None:
        responder = self.responders[number]
        responder.on_left = None
        responder.send(200, (), b"answer %d" % number)
        responder.finish()

    def _left(self) -> None:
        self.left += 1
        self.responders[-1].finish()


async def test_a_handler_that_answers_at_once_needs_no_task(place):
    server = await place.serve(at_once)
    client = await place.connect(server)
    tasks = len(asyncio.all_tasks())
    for number in range(3):
        await client.send(GET % number)
        assert (await client.answer())[2] == b"/%d" % number
        assert len(asyncio.all_tasks()) == tasks
    assert server.in_flight == 0


async def test_thousands_of_pipelined_requests_answered_at_once_do_not_deepen_the_stack(place):
    client = await place.connect(await place.serve(at_once))
    await client.send(b"".join(GET % number for number in range(3000)))
    for number in range(3000):
        assert (await client.answer())[2] == b"/%d" % number


async def test_pipelined_requests_wait_for_an_answer_by_callbacks(place, until):
    handler = ByCallbacks()
    server = await place.serve(handler)
    client = await place.connect(server)
    await client.send(GET % 0 + GET % 1)
    await until(lambda: bool(handler.responders))
    assert len(handler.responders) == 1
    handler.answer(0)
    assert len(handler.responders) == 2
    assert server.in_flight == 1
    handler.answer(1)
    assert [(await client.answer())[2] for _ in range(2)] == [b"answer 0", b"answer 1"]
    assert server.in_flight == 0


async def test_a_client_that_leaves_is_told_to_a_handler_that_goes_by_callbacks(place, until):
    handler = ByCallbacks()
    server = await place.serve(handler)
    client = await place.connect(server)
    await client.send(GET % 0 + GET % 1)
    await until(lambda: bool(handler.responders))
    await client.close()
    await until(lambda: server.connections == 0)
    assert handler.left == 1
    assert len(handler.responders) == 1
    assert server.in_flight == 0
    handler.responders.clear()
    await until(lambda: gc.collect() >= 0 and not any(type(each) is Connection for each in gc.get_objects()))


async def test_what_carries_on_in_a_task_is_cancelled_when_the_client_leaves(place, until):
    ended: list[str] = []
    handler = ByCallbacks()
    server = await place.serve(handler)
    client = await place.connect(server)
    await client.send(GET % 0)
    await until(lambda: bool(handler.responders))
    handler.responders[0].on_left = None
    handler.responders[0].carry_on(wait(ended))
    await client.close()
    await until(lambda: bool(ended))
    await until(lambda: server.in_flight == 0)


async def test_a_client_that_leaves_before_its_task_has_begun_does_not_keep_it_from_seeing_that(place, until):
    ended: list[str] = []
    server = await place.serve(lambda _request, _responder: wait(ended))
    transport = _Transport()
    connection = Connection(server)
    connection.connection_made(transport)
    connection.data_received(GET % 0)
    connection.connection_lost(None)
    await until(lambda: bool(ended))
    await until(lambda: server.in_flight == 0)


async def test_a_handler_that_fails_at_once_is_answered_for(place, caplog):
    def broken(_request, _responder) -> None:
        raise ZeroDivisionError

    server = await place.serve(broken)
    client = await place.connect(server)
    for _ in range(2):
        await client.send(GET % 0)
        assert (await client.answer())[0] == 500
    assert server.in_flight == 0
    assert "ZeroDivisionError" in caplog.text


async def test_a_handler_that_fails_after_it_has_finished_does_no_harm(place, caplog):
    def late(request, responder) -> None:
        at_once(request, responder)
        raise ZeroDivisionError

    server = await place.serve(late)
    client = await place.connect(server)
    await client.send(GET % 0 + GET % 1)
    assert [(await client.answer())[2] for _ in range(2)] == [b"/0", b"/1"]
    assert server.in_flight == 0
    assert caplog.text.count("Traceback") == 2


async def test_no_further_request_is_read_before_the_client_has_taken_its_answer(place, until):
    numbers: list[bytes] = []

    def large(request, responder) -> None:
        numbers.append(request.target)
        responder.send(200, (), bytes(20_000_000))
        responder.finish()

    server = await place.serve(large)
    client = await place.connect(server)
    await client.send(GET % 0 + GET % 1)
    await until(lambda: bool(numbers))
    await asyncio.sleep(0.05)
    assert numbers == [b"/0"]
    assert len((await client.answer())[2]) == 20_000_000
    assert len((await client.answer())[2]) == 20_000_000
    assert numbers == [b"/0", b"/1"]


class _Transport(asyncio.Transport):
    """Goes nowhere."""

    def set_write_buffer_limits(self, high=None, low=None) -> None:
        pass
