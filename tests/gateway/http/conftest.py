"""Real servers on free ports, raw clients and raw upstreams; everything runs on uvloop as in production."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import uvloop
from tests.gateway.http.upstreams import Upstream

from tidegate.gateway.http.client import Pool
from tidegate.gateway.http.server import Limits, Request, Responder, Server, listen
from tidegate.gateway.http.timers import Wheel


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def wheel():
    return Wheel(tick=0.01)


@dataclass
class Raw:
    """A client that speaks bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, head_only: bool = False) -> tuple[int, dict[bytes, bytes], bytes]:
        """One answer with content-length or chunked framing."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 120)
        lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines[1:] if line)
        body = b""
        if not head_only and headers.get(b"transfer-encoding") == b"chunked":
            pieces = []
            while size := int((await self.reader.readline()).strip(), 16):
                pieces.append((await self.reader.readexactly(size + 2))[:-2])
            await self.reader.readline()
            body = b"".join(pieces)
        elif not head_only:
            body = await self.reader.readexactly(int(headers.get(b"content-length", b"0")))
        return int(lines[0][9:12]), headers, body

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while piece := await asyncio.wait_for(self.reader.read(65536), 120):
                data += piece
        return data

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass
class Place:
    """Servers and clients of one test."""

    wheel: Wheel
    servers: list[Server] = field(default_factory=list)
    clients: list[Raw] = field(default_factory=list)

    async def serve(self, handler: Callable, **options) -> Server:
        limits, wheel = options.pop("limits", Limits()), options.pop("wheel", self.wheel)
        server = await listen(("127.0.0.1", 0), handler, limits=limits, wheel=wheel, **options)
        self.servers.append(server)
        return server

    async def connect(self, server: Server) -> Raw:
        raw = Raw(*await asyncio.open_connection("127.0.0.1", server.port))
        self.clients.append(raw)
        return raw


@pytest.fixture
async def place(wheel) -> AsyncIterator[Place]:
    place = Place(wheel)
    yield place
    for client in place.clients:
        await client.close()
    for server in place.servers:
        await server.drain(0.0)


async def echo(request: Request, responder: Responder) -> None:
    body = b"%b %b %b" % (request.method, request.target, bytes(request.body))
    responder.send(200, ((b"content-type", b"text/plain"),), body)


@pytest.fixture
def echo_handler():
    return echo


async def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def until():
    return eventually


@pytest.fixture
async def pool(wheel):
    pool = Pool(wheel)
    yield pool
    pool.close()
    await asyncio.sleep(0.01)


@pytest.fixture
async def upstream():
    started = []

    async def start(answer, **options):
        if isinstance(answer, bytes):
            data = answer

            async def answer(number, reader, writer):
                writer.write(data)

        started.append(await Upstream().start(answer, **options))
        return started[-1]

    yield start
    for one in started:
        await one.stop()
