"""A load generator for one core: closed loop or Poisson arrivals, whole answers or streams.

    python bench/load.py PORT --connections 32 --seconds 5 [--rate 200] [--stream] [--large] [--key KEY]
        [--path /v1/chat/completions] [--model NAME] [--header 'name: value' …] [--every 5]

Prints one JSON object: requests, errors, events, requests without a free connection yet, and latencies in
microseconds; with ``--every`` one for each such period. Latency of an open loop counts from the scheduled
arrival, so a stalled gateway cannot hide its queue.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections import deque
from time import perf_counter

import uvloop

SYSTEM = "You are the assistant of a bookshop. Answer in the customer's language and in five sentences at most. " * 8
QUESTION = "Hello, I ordered two novels on Monday and have no tracking number yet. Is something wrong? " * 4


def request(options: argparse.Namespace) -> bytes:
    question = QUESTION * 150 if options.large else QUESTION
    turns = [{"role": ("user", "assistant")[turn % 2], "content": QUESTION[:90]} for turn in range(options.turns)]
    content = {
        "model": options.model,
        "messages": [{"role": "system", "content": SYSTEM}, *turns, {"role": "user", "content": question}],
        "temperature": 0.2,
        "max_tokens": 400,
        "user": options.user,
    }
    if options.stream:
        content |= {"stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(content, separators=(",", ":")).encode()
    key = f"authorization: Bearer {options.key}\r\n" if options.key else ""
    key += "".join(f"{header}\r\n" for header in options.header)
    return (
        f"POST {options.path} HTTP/1.1\r\nhost: bench\r\n{key}accept: application/json\r\n"
        f"user-agent: bench/1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


_TIMER_SECONDS = 0.0005  # half of what the loop's timers are rounded to


class Tally:
    def __init__(self) -> None:
        self.done = 0
        self.errors = 0
        self.events = 0
        self.latencies: list[float] = []


class Client(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.begun = 0.0
        self.pending = b""
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, scheduled: float) -> None:
        self.begun = scheduled
        self.is_busy = True
        self.transport.write(self.run.bytes)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self.run.is_stream:
            if not self.pending and not data.startswith(b"HTTP/1.1 200"):
                self.transport.close()  # counted as an error when it is lost
                return
            self.run.tally.events += data.count(b"data: ")
            self.pending = (self.pending + data)[-64:]
            if self.pending.endswith(b"0\r\n\r\n"):
                self.finished(b"[DONE]" in self.pending)
            return
        pending = self.pending = self.pending + data
        end = pending.find(b"\r\n\r\n")
        if end < 0:
            return
        at = pending[:end].lower().find(b"content-length:")
        if at < 0:  # chunked; JSON has no zero-length chunk within
            if pending.endswith(b"\r\n0\r\n\r\n"):
                self.finished(pending.startswith(b"HTTP/1.1 200"))
            return
        length = int(pending[at + 15 : end].split(b"\r", 1)[0])
        if len(pending) >= end + 4 + length:
            self.finished(pending.startswith(b"HTTP/1.1 200"))

    def finished(self, is_good: bool) -> None:
        self.pending = b""
        self.is_busy = False
        now = perf_counter()
        tally = self.run.tally
        tally.done += is_good
        tally.errors += not is_good
        tally.latencies.append(now - self.begun)
        self.run.idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_busy:
            self.run.tally.errors += 1
        self.run.lost()


class Run:
    def __init__(self, options: argparse.Namespace) -> None:
        self.loop = asyncio.get_running_loop()
        self.options = options
        self.bytes = request(options)
        self.is_stream = options.stream
        self.tally = Tally()
        self.free: deque[Client] = deque()
        self.waiting: deque[float] = deque()
        self.is_over = False
        self.telling: asyncio.Task[None] | None = None

    def idle(self, client: Client) -> None:
        if self.is_over:
            return
        if not self.options.rate:
            client.send(perf_counter())
        elif self.waiting:
            client.send(self.waiting.popleft())
        else:
            self.free.append(client)

    def lost(self) -> None:
        if not self.is_over:
            self.is_over = True

    async def go(self) -> None:
        clients = []
        for _ in range(self.options.connections):
            _, client = await self.loop.create_connection(lambda: Client(self), "127.0.0.1", self.options.port)
            clients.append(client)
        for index, client in enumerate(clients):
            if self.options.rate:
                self.free.append(client)
            else:
                self.loop.call_later(0.005 * index / len(clients), client.send, perf_counter())
        end = perf_counter() + self.options.seconds
        if self.options.every:
            self.telling = self.loop.create_task(self.tell())
        if self.options.rate:
            await self.arrive(end)
        else:
            await asyncio.sleep(self.options.seconds)
        self.is_over = True
        for client in clients:
            client.is_busy = False
            client.transport.close()

    async def arrive(self, end: float) -> None:
        chance = random.Random(7)
        due = perf_counter()
        while due < end and not self.is_over:
            due += chance.expovariate(self.options.rate)
            early = due - perf_counter()
            if early > _TIMER_SECONDS:
                await asyncio.sleep(early)
            elif early > 0:
                await asyncio.sleep(0)
            self.ask(min(due, perf_counter()))  # timers are coarse: what is sent too early waited for nobody
        await asyncio.sleep(0.2)

    def ask(self, scheduled: float) -> None:
        if self.free:
            self.free.popleft().send(scheduled)
        else:
            self.waiting.append(scheduled)

    async def tell(self) -> None:
        """The figures of each period."""
        while True:
            await asyncio.sleep(self.options.every)
            tally, self.tally = self.tally, Tally()
            print(figures(tally, len(self.waiting)), flush=True)


def quantile(ordered: list[float], q: float) -> float:
    return round(1e6 * ordered[min(len(ordered) - 1, int(q * len(ordered)))], 1) if ordered else 0.0


def figures(tally: Tally, waiting: int) -> str:
    ordered = sorted(tally.latencies)
    return json.dumps(
        {
            "done": tally.done,
            "errors": tally.errors,
            "events": tally.events,
            "waiting": waiting,
            "p50_us": quantile(ordered, 0.5),
            "p99_us": quantile(ordered, 0.99),
        }
    )


async def main(options: argparse.Namespace) -> None:
    run = Run(options)
    await run.go()
    if run.telling is None:
        print(figures(run.tally, len(run.waiting)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--every", type=float, default=0.0, help="print the figures of each period of so many seconds")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--turns", type=int, default=0, help="earlier messages of the conversation")
    parser.add_argument("--user", default="user-000000", help="one that begins with slow gets slow streams")
    parser.add_argument("--model", default="chat-default")
    parser.add_argument("--key", default="")
    parser.add_argument("--path", default="/v1/chat/completions")
    parser.add_argument("--header", action="append", default=[])
    uvloop.run(main(parser.parse_args()))
