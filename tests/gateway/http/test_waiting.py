"""What a connection waits for, and for how long: one deadline serves the phases in turn and is never cleared."""

from __future__ import annotations

import asyncio

import pytest
from tests.gateway.http.hand_wheel import HandWheel

from tidegate.gateway.http import heads
from tidegate.gateway.http.connection import Connection
from tidegate.gateway.http.limits import Limits
from tidegate.gateway.http.server import Server, render_plain_error

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab"
LIMITS = Limits(idle_seconds=1.0, head_seconds=0.5, body_seconds=0.5)


class Sent(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.is_ended = False

    def write(self, data) -> None:
        self.data += data

    def take(self) -> bytes:
        data, self.data = self.data, b""
        return data

    def write_eof(self) -> None:
        self.is_ended = True

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high=None, low=None) -> None:
        pass

    def abort(self) -> None:
        self.is_ended = True


def served(hand: HandWheel) -> tuple[Connection, Sent]:
    def answer(request, responder) -> None:
        responder.send(200, (), bytes(request.body))
        responder.finish()

    connection, sent = Connection(Server(answer, LIMITS, render_plain_error, hand)), Sent()
    connection.connection_made(sent)
    return connection, sent


@pytest.mark.parametrize(("message", "cut"), [(GET, 5), (POST, -1)])
async def test_no_deadline_of_an_earlier_request_ends_a_connection(message, cut):
    hand = HandWheel()
    connection, sent = served(hand)
    for _ in range(4):
        connection.data_received(message[:cut])
        await hand.advance(0.4)  # of what its rest may take
        connection.data_received(message[cut:])
        assert sent.take().startswith(b"HTTP/1.1 200 ")
        await hand.advance(0.9)  # of what it may be idle
    assert not sent.is_ended


@pytest.mark.parametrize("message", [GET, POST])
async def test_a_connection_may_be_idle_for_so_long_after_each_answer_and_no_longer(message):
    hand = HandWheel()
    connection, sent = served(hand)
    for _ in range(3):
        await hand.advance(0.9)
        connection.data_received(message)
    await hand.advance(0.9)
    assert not sent.is_ended
    await hand.advance(0.3)
    assert sent.is_ended


async def test_a_connection_that_comes_while_the_wheel_sleeps_has_all_its_time():
    hand = HandWheel()
    hand.stand_still(1000.0)
    connection, sent = served(hand)
    connection.data_received(GET[:5])
    await hand.advance(0.4)
    connection.data_received(GET[5:])
    hand.stand_still(0.05)
    await hand.advance(0.9)
    assert not sent.is_ended


@pytest.mark.parametrize(("beginning", "part"), [(GET[:5], b"headers"), (POST[:-1], b"body")])
async def test_the_rest_of_a_request_has_its_own_time_whatever_the_connection_waited_before(beginning, part):
    hand = HandWheel()
    connection, sent = served(hand)
    for waited in (0.0, 0.9):
        connection.data_received(POST)
        await hand.advance(waited)
    sent.take()
    connection.data_received(beginning)
    await hand.advance(0.4)
    assert not sent.data
    await hand.advance(0.2)
    assert sent.data.startswith(b"HTTP/1.1 408 ")
    assert part in sent.data


async def test_an_answer_tells_the_date_of_its_own_second(monkeypatch):
    hand = HandWheel()
    connection, sent = served(hand)
    for date in (b"first", b"second"):
        monkeypatch.setattr(heads, "formatdate", lambda *, usegmt, date=date: date.decode())
        for _ in range(2):
            connection.data_received(GET)
            assert b"\r\ndate: %b\r\n" % date in sent.take()
        await hand.advance(0.9)
        connection.data_received(GET)
        await hand.advance(0.2)
        sent.take()
