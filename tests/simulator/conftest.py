"""Clients of a simulator: the official SDKs and a raw socket that sees every byte."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import anthropic
import httptools
import openai
import pytest

from tidegate.simulator import Simulator


@dataclass
class Received:
    """Everything one exchange over a raw socket gave."""

    raw: bytes
    ending: str
    """``closed``, ``reset``, ``quiet`` (still open, nothing more came) or ``whole`` (a complete HTTP answer)."""
    reads: list[bytes]

    @property
    def head(self) -> str:
        return self.raw.partition(b"\r\n\r\n")[0].decode("latin-1")

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    @property
    def chunks(self) -> list[bytes]:
        rest, found = self.raw.partition(b"\r\n\r\n")[2], []
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            if int(size, 16) == 0:
                break
            found.append(rest[: int(size, 16)])
            rest = rest[int(size, 16) + 2 :]
        return found

    @property
    def body(self) -> bytes:
        if "chunked" in self.head:
            return b"".join(self.chunks)
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def events(self) -> list[str]:
        """The data of all events."""
        text = self.body.decode().replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
        return [line[6:] for line in text.split("\n") if line.startswith("data: ")]

    @property
    def text(self) -> str:
        """The content of a chat stream, ignoring what is not JSON."""
        pieces = [json.loads(data) for data in self.events if data.startswith("{") and data.endswith("}")]
        deltas = [chunk["choices"][0]["delta"] for chunk in pieces if chunk.get("choices")]
        return "".join(delta.get("content") or "" for delta in deltas)


class _End:
    is_complete = False

    def on_message_complete(self):
        self.is_complete = True


async def exchange(sim, path, body, headers=None, quiet_after=5):
    """Send one request, read until the answer is whole, the connection ends, or nothing more comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"host": "sim", "content-length": len(payload), "anthropic-version": "2023-06-01", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + payload)
    end, reads, ending = _End(), [], "whole"
    parser = httptools.HttpResponseParser(end)
    try:
        while not end.is_complete:
            data = await asyncio.wait_for(reader.read(65536), quiet_after)
            if not data:
                ending = "closed"
                break
            reads.append(data)
            try:
                parser.feed_data(data)
            except httptools.HttpParserError:
                break
    except ConnectionResetError:
        ending = "reset"
    except TimeoutError:
        ending = "quiet"
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return Received(b"".join(reads), ending, reads)


def chat(model="m", text="hi", **fields):
    """The body of a chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def message(model="m", text="hi", **fields):
    """The body of an Anthropic messages request."""
    return chat(model, text, **{"max_tokens": 500, **fields})


class Bench:
    """A simulator with its clients, which are made when first used: a TLS context takes its time."""

    def __init__(self, sim, api_key):
        self.sim = sim
        self._settings = {"api_key": api_key, "max_retries": 0, "timeout": 120}  # a guard: the machine may stand still

    @cached_property
    def openai(self):
        return openai.AsyncOpenAI(base_url=f"{self.sim.url}/v1", **self._settings)

    @cached_property
    def anthropic(self):
        return anthropic.AsyncAnthropic(base_url=self.sim.url, **self._settings)

    async def close(self):
        for name in {"openai", "anthropic"} & vars(self).keys():
            await getattr(self, name).close()

    async def chat(self, text="hi", **fields):
        return await self.openai.chat.completions.create(**chat(text=text, **fields))

    async def answer(self, text="hi", **fields):
        return (await self.chat(text, **fields)).choices[0].message.content

    async def chunks(self, text="hi", **fields):
        return [chunk async for chunk in await self.chat(text, stream=True, **fields)]

    async def message(self, text="hi", **fields):
        return await self.anthropic.messages.create(**message(text=text, **fields))

    async def raw_chat(self, quiet_after=5, **fields):
        return await exchange(self.sim, "/v1/chat/completions", chat(**fields), quiet_after=quiet_after)

    async def raw_message(self, quiet_after=5, **fields):
        return await exchange(self.sim, "/v1/messages", message(**fields), quiet_after=quiet_after)


@pytest.fixture
def bench():
    """Start a simulator: ``async with bench({...}) as it``; a behaviour alone stands for every model."""

    @asynccontextmanager
    async def start(scenario=None, api_key="key", **behaviour):
        content = scenario or {"models": {"*": behaviour}}
        async with Simulator(content) as sim:
            it = Bench(sim, api_key)
            try:
                yield it
            finally:
                await it.close()

    return start
