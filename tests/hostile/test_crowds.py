"""Clients in crowds: idle ones, slow ones, more than there are descriptors."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.hostile.rig import Running, chat_body, post, rest_of, running_gateway, wait_for

MEGABYTE = 1 << 20
WRITE_BUFFER = 131_072  # what the gateway holds for one client before it stops reading upstream
ONE_READ = 262_144  # what one read of the event loop may bring on top, and again while it is relayed


@contextmanager
def many_descriptors(count: int) -> Iterator[None]:
    """Allow this process so many, or skip."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        pytest.skip(f"this machine allows {hard} descriptors, {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def own_gateway(tmp_path, table) -> Iterator[Running]:
    """A fresh process, whose memory nobody else has stirred."""
    with running_gateway(tmp_path, table) as running:
        running.chat()
        yield running
        assert "Traceback" not in running.log


def test_two_thousand_idle_connections_cost_little_and_disturb_nobody(own_gateway: Running):
    idle_crowd(own_gateway, 2_000)


@pytest.mark.slow
def test_ten_thousand_idle_connections_cost_little_and_disturb_nobody(own_gateway: Running):
    idle_crowd(own_gateway, 10_000)


def idle_crowd(gateway: Running, count: int) -> None:
    before = gateway.resident_bytes
    with many_descriptors(count + 500), ExitStack() as crowd:
        for _ in range(count):
            crowd.enter_context(gateway.connect())
        wait_for(lambda: gateway.descriptors > count)
        assert gateway.resident_bytes - before < count * 16_384
        assert gateway.chat("between them")[0] == 200
    wait_for(lambda: gateway.descriptors < 100)
    assert gateway.chat()[0] == 200


def test_a_hundred_slow_readers_are_bounded_by_their_buffers(own_gateway: Running):
    """Each asks for a stream that never ends and takes nothing of it."""
    before, readers = own_gateway.resident_bytes, 100
    with ExitStack() as crowd:
        for _ in range(readers):
            channel = crowd.enter_context(own_gateway.connect(receive_buffer=4096))
            channel.sendall(post(chat_body(service="endless", stream=True)))
        wait_for(lambda: own_gateway.resident_bytes > before + readers * WRITE_BUFFER // 2)
        grows_until = time.monotonic() + 150
        while not is_level(own_gateway):
            assert time.monotonic() < grows_until, "it grows and grows"
            assert own_gateway.chat("meanwhile")[0] == 200
        held = own_gateway.resident_bytes - before
        assert held < readers * (WRITE_BUFFER + 2 * ONE_READ) + 16 * MEGABYTE
    wait_for(lambda: own_gateway.descriptors < 100)


def is_level(gateway: Running) -> bool:
    """Whether its memory stays as it is for a second."""
    before = gateway.resident_bytes
    time.sleep(1)
    return gateway.resident_bytes - before < MEGABYTE


def test_more_connections_than_descriptors_neither_kill_the_process_nor_stay(tmp_path, table):
    with running_gateway(tmp_path, table, descriptors=64) as small:
        assert small.chat()[0] == 200
        with ExitStack() as flood:
            for _ in range(300):
                channel = socket.socket()
                channel.settimeout(1)
                flood.enter_context(channel)
                with contextlib.suppress(OSError):
                    channel.connect(("127.0.0.1", small.port))
            time.sleep(0.5)
            assert small.is_alive
        wait_for(lambda: small.descriptors < 40)
        wait_for(lambda: is_answered(small))
        assert small.is_alive


def is_answered(gateway: Running) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return gateway.chat("after the flood")[0] == 200
    return False


def test_at_the_descriptor_limit_a_request_that_needs_an_upstream_gets_an_answer(tmp_path, table):
    """The last descriptors went to clients: no upstream can be dialled, and that is said."""
    with running_gateway(tmp_path, table, descriptors=64) as small, ExitStack() as crowd:
        last = crowd.enter_context(small.connect())
        wait_for(lambda: small.descriptors > 10)
        while small.descriptors < 63:
            crowd.enter_context(small.connect())
            time.sleep(0.005)
        last.sendall(post(chat_body("no room"), "connection: close"))
        answer = rest_of(last)
        assert answer[9:12] in {b"200", b"502", b"503"}
        assert small.is_alive


def test_clients_that_connect_and_reset_leave_nothing(gateway: Running):
    before = gateway.descriptors
    reset = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    for number in range(300):
        with gateway.connect() as channel:
            if number % 3:
                channel.sendall(post(chat_body("gone"))[: number * 2])
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    wait_for(lambda: gateway.descriptors <= before + 8)


@pytest.mark.slow
def test_headers_that_dribble_are_cut_off_in_time(gateway: Running):
    with ExitStack() as crowd:
        slow = [crowd.enter_context(gateway.connect()) for _ in range(200)]
        started = time.monotonic()
        done = threading.Event()

        def dribble() -> None:
            while not done.wait(0.5):
                for channel in slow:
                    with contextlib.suppress(OSError):
                        channel.send(b"x")

        for channel in slow:
            channel.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: ")
        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            while time.monotonic() - started < 9:
                assert gateway.chat("in spite of them")[0] == 200
                time.sleep(0.2)
            answers = [rest_of(channel, 10) for channel in slow]
        finally:
            done.set()
            thread.join()
        assert {answer[9:12] for answer in answers} == {b"408"}


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_body_that_dribbles_is_cut_off_in_time(gateway: Running):
    with gateway.connect() as channel:
        channel.sendall(post(b"{", length=5000))
        started = time.monotonic()
        channel.settimeout(1)
        answer = b""
        while not answer and time.monotonic() - started < 70:
            channel.send(b" ")
            with contextlib.suppress(TimeoutError):
                answer = channel.recv(65_536)
        assert answer[9:12] == b"408"
        assert 55 < time.monotonic() - started < 70
