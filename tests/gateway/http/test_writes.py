import asyncio
import socket
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.gateway.http.writes import WriteBatch, Writer, writer_of

LARGE = b"x" * 100_000


class Wire(asyncio.Transport):
    """A transport over one end of a pair, which sends when it is told to."""

    def __init__(self, channel=None, *, is_tls=False):
        super().__init__()
        self.channel = channel
        self.extra = {"socket": channel, "sslcontext": "set" if is_tls else None}
        self.queue = b""
        self.was_closing = False

    def get_extra_info(self, name, default=None):
        return self.extra.get(name, default)

    def write(self, data):
        self.queue += data

    def writelines(self, pieces):
        self.queue += b"".join(pieces)

    def get_write_buffer_size(self):
        return len(self.queue)

    def is_closing(self):
        return self.was_closing

    def write_eof(self):
        self.queue += b"<eof>"

    def close(self):
        self.queue += b"<close>"

    def send_queue(self):
        """As the loop does when the socket takes something again."""
        sent = self.channel.send(self.queue)
        self.queue = self.queue[sent:]


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def read(channel):
    try:
        return channel.recv(1 << 20)
    except BlockingIOError:
        return b""


@pytest.fixture
async def batch():
    return WriteBatch(asyncio.get_running_loop())


async def test_writes_go_out_together_at_the_end_of_the_turn(pair, batch):
    ours, theirs = pair
    writer = writer_of(batch, Wire(ours))
    writer.write(b"one ")
    writer.write(b"two")
    assert read(theirs) == b""
    await asyncio.sleep(0)
    assert read(theirs) == b"one two"


async def test_each_turn_is_a_batch_of_its_own(pair, batch):
    ours, theirs = pair
    writer = writer_of(batch, Wire(ours))
    for text in (b"one", b"two"):
        writer.write(text)
        await asyncio.sleep(0)
        assert read(theirs) == text


async def test_what_the_socket_does_not_take_is_the_transports_and_stays_before_the_rest(pair, batch):
    ours, theirs = pair
    while True:  # fill it
        try:
            ours.send(LARGE)
        except BlockingIOError:
            break
    received = b""
    wire = Wire(ours)
    writer = writer_of(batch, wire)
    writer.write(b"a" * 60_000)
    await asyncio.sleep(0)
    writer.write(b"b")
    await asyncio.sleep(0)
    assert wire.queue.endswith(b"b")
    while wire.queue:
        received += read(theirs)
        send(wire)
    writer.write(b"c")  # it has caught up
    await asyncio.sleep(0)
    assert wire.queue == b""
    received += read(theirs)
    assert received.strip(b"x") == b"a" * 60_000 + b"bc"


async def test_a_broken_socket_is_left_to_the_transport(pair, batch):
    ours, theirs = pair
    theirs.close()
    wire = Wire(ours)
    writer_of(batch, wire).write(b"lost")
    await asyncio.sleep(0)
    assert wire.queue == b"lost"


async def test_nothing_is_written_to_a_descriptor_that_may_be_somebody_elses(pair, batch):
    ours, theirs = pair
    wire = Wire(ours)
    writer_of(batch, wire).write(b"late")
    wire.was_closing = True
    await asyncio.sleep(0)
    assert (read(theirs), wire.queue) == (b"", b"")


@pytest.mark.parametrize(
    "make", [lambda channel: Wire(channel, is_tls=True), lambda _: Wire()], ids=["tls", "no socket"]
)
async def test_what_must_not_go_to_the_socket_goes_to_the_transport(pair, batch, make):
    ours, theirs = pair
    wire = make(ours)
    writer = writer_of(batch, wire)
    writer.write(b"secret")
    assert wire.queue == b"secret"
    await asyncio.sleep(0)
    assert read(theirs) == b""


async def test_large_pieces_follow_what_is_held(pair, batch):
    ours, theirs = pair
    wire = Wire(ours)
    writer = writer_of(batch, wire)
    writer.write(b"head")
    writer.write(LARGE)
    assert (read(theirs), wire.queue) == (b"head", LARGE)
    writer.write_through((b"1", b"2"))
    assert wire.queue == LARGE + b"12"


@pytest.mark.parametrize(("end", "mark"), [(Writer.close, b"<close>"), (Writer.write_eof, b"<eof>")])
async def test_an_end_comes_after_what_is_held(pair, batch, end, mark):
    ours, theirs = pair
    wire = Wire(ours)
    writer = writer_of(batch, wire)
    writer.write(b"last")
    end(writer)
    assert (read(theirs), wire.queue) == (b"last", mark)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["write", "through", "turn", "send", "read"]), st.integers(1, 90_000)), max_size=30
    )
)
def test_any_mixture_arrives_in_order(steps):
    async def run():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        wire = Wire(ours)
        writer = writer_of(WriteBatch(asyncio.get_running_loop()), wire)
        written, received = bytearray(), bytearray()
        for number, (step, size) in enumerate(steps):
            data = bytes((number,)) * size
            if step == "write":
                writer.write(data)
                written += data
            elif step == "through":
                writer.write_through((data, b"|"))
                written += data + b"|"
            elif step == "turn":
                await asyncio.sleep(0)
            elif step == "read":
                received += read(theirs)
            elif wire.queue:
                send(wire)
        await asyncio.sleep(0)
        received += read(theirs)
        while wire.queue:
            send(wire)
            received += read(theirs)
        received += read(theirs)
        ours.close()
        theirs.close()
        assert received == written

    asyncio.run(run())


def send(wire):
    with suppress(BlockingIOError):
        wire.send_queue()
