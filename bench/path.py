"""The whole path of a request in this process, without sockets: what our own code costs, repeatably.

    python bench/path.py [--requests 20000] [--profile] [--stream CHUNKS] [--bytes N]

Both transports are fakes, so neither the kernel nor another process has a part in it; the event loop, its tasks and
everything in between are real. Told is the CPU time per request of the quickest of several rounds, which a busy
machine disturbs least. Under ``valgrind --tool=callgrind`` it counts instructions.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import time

import uvloop
from gateway_process import snapshot

from tidegate.gateway.app import Gateway
from tidegate.gateway.http.client import Pool
from tidegate.gateway.http.connection import Connection
from tidegate.gateway.http.dialling import Dialler
from tidegate.gateway.http.limits import Limits
from tidegate.gateway.http.server import Server
from tidegate.gateway.http.timers import Wheel
from tidegate.gateway.memory import settle_memory
from tidegate.gateway.observer import Observer
from tidegate.gateway.refusals import render_error

ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"mock-model-a","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hello! How can I help you today with your order?"},"logprobs":null,'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":42,"completion_tokens":12,"total_tokens":54}}'
)
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
LAST = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


class Wire(asyncio.Transport):
    """A transport that hands what is written to a callback."""

    def __init__(self, on_write) -> None:
        super().__init__()
        self.on_write = on_write

    def write(self, data) -> None:
        self.on_write(data)

    def get_extra_info(self, name, default=None):
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high=None, low=None) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass

    close = abort


class Upstreams(Dialler):
    """Dials nobody: each connection is answered by this process, one turn of the loop later."""

    def __init__(self, wheel: Wheel, pieces: list[bytes]) -> None:
        super().__init__(wheel)
        self._pieces = pieces

    async def dial(self, origin, protocol, connect_timeout):
        loop = asyncio.get_running_loop()

        def answer(_request) -> None:
            for piece in self._pieces:
                loop.call_soon(protocol.data_received, piece)

        protocol.connection_made(Wire(answer))
        return protocol


class Client:
    """Sends the next request once the answer to the last has come."""

    def __init__(self, server: Server, request: bytes, ending: bytes) -> None:
        self.left = 0
        self.done = asyncio.Event()
        self._request = request
        self._ending = ending
        self._loop = asyncio.get_running_loop()
        self._connection = Connection(server)
        self._connection.connection_made(Wire(self._take))

    async def run(self, count: int) -> None:
        self.left = count
        self.done.clear()
        self._connection.data_received(self._request)
        await self.done.wait()

    def _take(self, data: bytes) -> None:
        if not data.endswith(self._ending):
            return
        assert b" 200 " in data[:20] or self._ending == b"0\r\n\r\n", data
        self.left -= 1
        if self.left:
            self._loop.call_soon(self._connection.data_received, self._request)
        else:
            self.done.set()


def request_of(size: int, *, is_streamed: bool) -> bytes:
    text = "x" * size or "Where is my order 4711? It should have come on Monday."
    body = (
        b'{"model":"chat-default","messages":[{"role":"system","content":"You are helpful."},{"role":"user","content":"%b"}],'
        b'"temperature":0.7,"max_tokens":256%b,"user":"u-12345"}'
        % (text.encode(), b',"stream":true' if is_streamed else b"")
    )
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:28471\r\nAuthorization: Bearer bench-key\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )


def answers_of(chunks: int) -> tuple[list[bytes], bytes]:
    """What the upstream writes, piece by piece, and how the last write to the client ends."""
    if not chunks:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
        return [head + ANSWER], ANSWER[-20:]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    pieces = [b"%x\r\n%b\r\n" % (len(EVENT), EVENT)] * chunks
    return [head, *pieces, b"%x\r\n%b\r\n0\r\n\r\n" % (len(LAST), LAST)], b"0\r\n\r\n"


async def run(options: argparse.Namespace) -> None:
    wheel = Wheel()
    pool = Pool(wheel)
    pieces, ending = answers_of(options.stream)
    pool._dialler = Upstreams(wheel, pieces)  # noqa: SLF001 - the seam is here alone
    observer = Observer("path", "boot")
    gateway = Gateway(observer=observer, pool=pool, wheel=wheel, resolve=lambda *_: "upstream-key", boot=os.urandom(6))
    gateway.holder.adopt(snapshot("http://127.0.0.1:9/v1", "bench-key"), {"mock": "upstream-key"})
    server = Server(gateway.handle, Limits(), render_error, wheel)
    client = Client(server, request_of(options.bytes, is_streamed=bool(options.stream)), ending)
    await client.run(500)
    while observer.take() is not None:
        pass
    settle_memory()
    if options.profile:
        profile = cProfile.Profile()
        profile.enable()
        await client.run(options.requests)
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    best = float("inf")
    rounds = max(1, options.requests // 1000)
    for _ in range(rounds):
        began = time.thread_time()
        await client.run(1000)
        best = min(best, time.thread_time() - began)
        while observer.take() is not None:
            pass
    print(f"{best * 1000:.2f} µs per request, the quickest of {rounds} rounds of 1,000")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--stream", type=int, default=0, metavar="CHUNKS")
    parser.add_argument("--bytes", type=int, default=0, help="length of the prompt")
    parser.add_argument("--profile", action="store_true")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
