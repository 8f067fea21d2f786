"""A client that shares no code with the gateway: h11 reads the framing, plain JSON the content."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import h11

PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "embeddings": "/v1/embeddings",
    "count_tokens": "/v1/messages/count_tokens",
}
ANTHROPIC = {"messages", "count_tokens"}
TERMINALS = {"message_stop", "response.completed", "response.incomplete"}


def body_for(kind: str, service: str, *, is_streamed: bool) -> dict[str, Any]:
    """A small request of ``kind`` to ``service``."""
    turns = [{"role": "user", "content": "Hello there"}]
    content: dict[str, Any] = {
        "chat": {"messages": turns},
        "completions": {"prompt": "Hello there"},
        "messages": {"messages": turns, "max_tokens": 5000},
        "responses": {"input": "Hello there"},
        "embeddings": {"input": "Hello there"},
        "count_tokens": {"messages": turns},
    }[kind]
    return {"model": service, **({"stream": True} if is_streamed else {}), **content}


@dataclass
class Heard:
    """What one request brought.

    Attributes:
        is_framed: the HTTP framing ended as it should.
        repeated: headers that came more than once.
        seconds: from the first byte sent to the last received.
    """

    kind: str
    is_streamed: bool
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_framed: bool = False
    seconds: float = 0.0
    repeated: set[str] = field(default_factory=set)

    @property
    def events(self) -> list[Any]:
        """Data of the stream's events; text where it is no JSON."""
        found = []
        for line in self.body.decode().splitlines():
            if line.startswith("data:"):
                data = line[5:].strip()
                try:
                    found.append(json.loads(data))
                except ValueError:
                    found.append(data)
        return found

    @property
    def has_terminator(self) -> bool:
        """Whether the stream says that it is complete."""
        return any(event == "[DONE]" or _type_of(event) in TERMINALS for event in self.events)

    @property
    def ends_in_error(self) -> bool:
        """Whether the last event is an error in the words of the client's dialect."""
        events = self.events
        if not events or not isinstance(events[-1], dict):
            return False
        last = events[-1]
        if self.kind == "messages":
            return _type_of(last) == "error" and isinstance(last.get("error"), dict)
        if self.kind == "responses":
            return _type_of(last) in {"response.failed", "error"}
        return isinstance(last.get("error"), dict)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, of a whole answer or of the last event."""
        told = self.events[-1] if self.headers.get("content-type", "").startswith("text/event-stream") else self.json
        told = told.get("response", told)
        return dict(told.get("error") or told)

    @property
    def json(self) -> dict[str, Any]:
        """The body of a whole answer."""
        return dict(json.loads(self.body))

    @property
    def text(self) -> str:
        """What the model said, refusals included; of answers without words, what tells who gave them."""
        return "".join(map(self._said, self.events)) if self.is_streamed else _TEXTS[self.kind](self.json)

    def _said(self, event: Any) -> str:
        if not isinstance(event, dict):
            return ""
        if self.kind == "messages":
            return str(event["delta"].get("text", "")) if _type_of(event) == "content_block_delta" else ""
        if self.kind == "responses":
            is_said = _type_of(event) in {"response.output_text.delta", "response.refusal.delta"}
            return str(event["delta"]) if is_said else ""
        return "".join(_delta_text(choice) for choice in event.get("choices") or ())


def _type_of(event: Any) -> str:
    return str(event.get("type", "")) if isinstance(event, dict) else ""


def _delta_text(choice: dict[str, Any]) -> str:
    delta = choice.get("delta") or {}
    return str(delta.get("content") or delta.get("refusal") or choice.get("text") or "")


def _chat_text(answer: dict[str, Any]) -> str:
    message = answer["choices"][0]["message"]
    return str(message.get("content") or message.get("refusal") or "")


def _responses_text(answer: dict[str, Any]) -> str:
    parts = [part for item in answer["output"] for part in item.get("content", ())]
    return "".join(part.get("text") or part.get("refusal") or "" for part in parts)


_TEXTS = {
    "chat": _chat_text,
    "completions": lambda answer: str(answer["choices"][0]["text"]),
    "messages": lambda answer: "".join(part.get("text", "") for part in answer["content"]),
    "responses": _responses_text,
    "embeddings": lambda answer: str(answer["model"] if answer["data"] else ""),
    "count_tokens": lambda answer: str(answer["input_tokens"]),
}


async def ask(port: int, key: str, kind: str, service: str, *, is_streamed: bool, patience: float = 20.0) -> Heard:
    """Send one request and read until the connection ends."""
    heard = Heard(kind, is_streamed)
    content = json.dumps(body_for(kind, service, is_streamed=is_streamed)).encode()
    client = h11.Connection(h11.CLIENT)
    headers = [
        ("host", "gateway"),
        ("authorization", f"Bearer {key}"),
        ("content-length", str(len(content))),
        ("connection", "close"),
    ]
    head = client.send(h11.Request(method="POST", target=PATHS[kind], headers=headers))
    data = client.send(h11.Data(content))
    client.send(h11.EndOfMessage())
    assert head is not None
    assert data is not None
    started = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head + data)
        async with asyncio.timeout(patience):
            await _listen(client, reader, heard)
    except (ConnectionError, TimeoutError):  # a hang is seen by its seconds
        heard.is_framed = False
    finally:
        heard.seconds = time.monotonic() - started
        writer.close()
    return heard


async def _listen(client: h11.Connection, reader: asyncio.StreamReader, heard: Heard) -> None:
    received = bytearray()
    try:
        while True:
            event = client.next_event()
            if event is h11.NEED_DATA:
                client.receive_data(await reader.read(65_536))
            elif isinstance(event, h11.Response):
                heard.status = event.status_code
                names = [name.decode() for name, _ in event.headers]
                heard.repeated = {name for name in names if names.count(name) > 1}
                heard.headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                received += event.data
            else:
                heard.is_framed = isinstance(event, h11.EndOfMessage)
                return
    except h11.RemoteProtocolError:
        heard.is_framed = False
    finally:
        heard.body = bytes(received)
