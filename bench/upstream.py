"""A model server that does nothing but answer: constant JSON, or 100 stream events with a gap between them.

    python bench/upstream.py PORT [--gap SECONDS] [--certificate PEM]

Cheap on purpose (no parsing beyond the framing), so that on its one core it is never the bottleneck.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl

import uvloop

EVENTS = 100

ANSWER = json.dumps(
    {
        "id": "chatcmpl-bench000000000000000000000",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "bench-model-2026",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "A steady answer of ordinary length. " * 8,
                    "refusal": None,
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 312,
            "completion_tokens": 64,
            "total_tokens": 376,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    },
    separators=(",", ":"),
).encode()
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    content = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": "bench-model-2026",
        "choices": [choice],
    }
    return b"data: " + json.dumps(content, separators=(",", ":")).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


USAGE = {
    "id": "chatcmpl-bench",
    "object": "chat.completion.chunk",
    "choices": [],
    "usage": {"prompt_tokens": 312, "completion_tokens": EVENTS, "total_tokens": 412},
}
FIRST = chunk(event({"role": "assistant", "content": ""}))
MIDDLE = chunk(event({"content": " token"}))
LAST = (
    chunk(event({}, "stop") + b"data: " + json.dumps(USAGE, separators=(",", ":")).encode() + b"\n\ndata: [DONE]\n\n")
    + b"0\r\n\r\n"
)


class Upstream(asyncio.Protocol):
    gap = 0.005
    slow_gap = 0.1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.pending = b""
        self.left = 0

    def data_received(self, data: bytes) -> None:
        pending = self.pending + data if self.pending else data
        while True:
            end = pending.find(b"\r\n\r\n")
            if end < 0:
                break
            head = pending[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0
            if len(pending) < end + 4 + length:
                break
            body, pending = pending[end + 4 : end + 4 + length], pending[end + 4 + length :]
            self.answer(body)
        self.pending = pending

    def answer(self, body: bytes) -> None:
        if b'"stream":true' not in body:
            self.transport.write(WHOLE)  # type: ignore[attr-defined]
            return
        self.left = EVENTS
        self.pause = self.slow_gap if b'"user":"slow' in body else self.gap
        self.transport.write(STREAM_HEAD + FIRST)  # type: ignore[attr-defined]
        asyncio.get_running_loop().call_later(self.pause, self.tick)

    def tick(self) -> None:
        if self.transport.is_closing():
            return
        self.left -= 1
        self.transport.write(MIDDLE if self.left else LAST)  # type: ignore[attr-defined]
        if self.left:
            asyncio.get_running_loop().call_later(self.pause, self.tick)


async def main(port: int, certificate: str | None) -> None:
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=4096, ssl=tls)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--gap", type=float, default=Upstream.gap)
    parser.add_argument("--certificate", help="key and certificates: serve TLS")
    options = parser.parse_args()
    Upstream.gap = options.gap
    uvloop.run(main(options.port, options.certificate))
