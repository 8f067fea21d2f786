"""A real HTTP server in this process whose answers are written by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs


class JsonEndpoint:
    """Answers each request with what stands in ``answers`` for its path, or 404.

    Attributes:
        answers: path -> (status, body as bytes or as a value that becomes JSON), or ``None`` to hang.
        seen: (method, target, headers, form) of each request.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any] | None] = {}
        self.seen: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.seen.append((method, target, headers, form))
            answer = self.answers.get(target.partition("?")[0], (404, {}))
            if answer is None:
                await asyncio.sleep(3600)
            status, value = answer or (0, b"")
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: {len(data)}\r\nconnection: close\r\n".encode())
            writer.write(b"location: http://127.0.0.1:1/elsewhere\r\n\r\n" + data)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def json_endpoint() -> AsyncIterator[JsonEndpoint]:
    """The server, on a free port of this machine."""
    made = JsonEndpoint()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
