"""Raw upstreams that answer what a test says, and requests to them."""

import asyncio
import socket

from tidegate.gateway.http.client import Origin, request_head

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Peer:
    """A raw server that leaves nothing behind."""

    async def open(self, serve, **options):
        self._serving = set()
        self._writers = []

        async def run(reader, writer):
            task = asyncio.current_task()
            self._serving.add(task)
            self._writers.append(writer)
            try:
                await serve(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()
                self._serving.discard(task)

        self._server = await asyncio.start_server(run, "127.0.0.1", 0, **options)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.wait_for(asyncio.gather(*self._serving, return_exceptions=True), 120)
        await asyncio.sleep(0.01)


class Upstream(Peer):
    """A server that answers what the test says, and keeps what it was sent."""

    def __init__(self):
        self.seen = []
        self.accepted = 0
        self.ended = 0

    async def start(self, answer, **options):
        self._answer = answer
        await self.open(self._serve, **options)
        self.origin = Origin.from_url(f"http://127.0.0.1:{self.port}")
        return self

    async def _serve(self, reader, writer):
        self.accepted += 1
        number = self.accepted
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                self.seen.append((number, head, await reader.readexactly(length)))
                await self._answer(number, reader, writer)
        finally:
            self.ended += 1


async def send(pool, origin, body=b"", **options):
    head = request_head(b"POST", b"/v1/x", origin, ((b"x-a", b"b"),), len(body))
    return await pool.request(origin, head, (body,), **options)


async def gather(response):
    pieces = []
    await response.stream_to(pieces.append)
    return b"".join(pieces)


def resolve_to(monkeypatch, pool, addresses, calls=None):
    async def resolve(host, port, **options):
        if calls is not None:
            calls.append(host)
        if isinstance(addresses, Exception):
            raise addresses
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, port)) for a in addresses]

    monkeypatch.setattr(pool._dialler, "_lookup", resolve)
