"""Upstreams that break rules a simulated model keeps: they are made of sockets alone."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TEXT = "one two three four five six"
_READ_SECONDS = 0.5  # a loop so late that what is sent apart is read together counts as disturbed
_BOMB = gzip.compress(bytes(60 << 20), 1)
_RESET = struct.pack("ii", 1, 0)


def whole_chat(text: str = TEXT) -> bytes:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "model": "raw", "choices": [choice]}).encode()


def chat_events(text: str = TEXT, *, is_finished: bool = True) -> bytes:
    """A chat stream."""
    events = [
        {"id": "c", "model": "raw", "choices": [{"index": 0, "delta": {"content": word}}]}
        for word in text.replace(" ", " |").split("|")
    ]
    if is_finished:
        events.append({"id": "c", "model": "raw", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    told = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    return told + (b"data: [DONE]\n\n" if is_finished else b"")


def whole_message(text: str = TEXT) -> bytes:
    """An Anthropic message."""
    usage = {"input_tokens": 2, "output_tokens": 6}
    content = [{"type": "text", "text": text}]
    fields = {"id": "m", "type": "message", "role": "assistant", "model": "raw", "stop_reason": "end_turn"}
    return json.dumps({**fields, "content": content, "usage": usage}).encode()


def message_events(text: str = TEXT, *, is_finished: bool = True) -> bytes:
    """An Anthropic stream."""
    start = json.loads(whole_message("")) | {"content": [], "stop_reason": None}
    events = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
    ]
    if is_finished:
        events += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 6}},
            {"type": "message_stop"},
        ]
    return b"".join(
        b"event: " + str(event["type"]).encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    )


def body_of(path: bytes, *, is_streamed: bool, is_finished: bool = True) -> bytes:
    """The answer in the dialect that ``path`` belongs to."""
    is_anthropic = b"/messages" in path
    if is_streamed:
        return (message_events if is_anthropic else chat_events)(is_finished=is_finished)
    return whole_message() if is_anthropic else whole_chat()


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Request line and body of one request with a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return head.partition(b"\r\n")[0], await reader.readexactly(length)


def _is_streamed(body: bytes) -> bool:
    return bool(json.loads(body).get("stream"))


def _answer_head(*, is_streamed: bool, length: int | None) -> bytes:
    kind = b"text/event-stream" if is_streamed else b"application/json"
    framing = b"connection: close\r\n" if length is None else b"content-length: %d\r\n" % length
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%b\r\n" % (kind, framing)


async def resets_when_reused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the first request of a connection, resets it at the second."""
    line, body = await read_request(reader)
    is_streamed = _is_streamed(body)
    content = body_of(line, is_streamed=is_streamed)
    writer.write(_answer_head(is_streamed=is_streamed, length=len(content)) + content)
    await read_request(reader)
    channel = writer.get_extra_info("socket")
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def speaks_no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with bytes of another protocol."""
    await read_request(reader)
    writer.write(b"\x15\x03\x01\x00\x02\x02\x46 220 smtp ready\r\n")
    await writer.drain()


async def stops_inside_the_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes before its headers are complete."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-ty")
    await writer.drain()


async def ends_by_closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A good answer that only the end of the connection delimits."""
    line, body = await read_request(reader)
    is_streamed = _is_streamed(body)
    writer.write(_answer_head(is_streamed=is_streamed, length=None) + body_of(line, is_streamed=is_streamed))
    await writer.drain()


async def is_cut_while_ending_by_closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half an answer that only the end of the connection delimits: HTTP alone cannot tell that it was cut."""
    line, body = await read_request(reader)
    is_streamed = _is_streamed(body)
    content = body_of(line, is_streamed=is_streamed, is_finished=False)
    writer.write(_answer_head(is_streamed=is_streamed, length=None))
    writer.write(content if is_streamed else content[: len(content) // 2])
    await writer.drain()


async def says_done_and_breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half a stream, ``[DONE]`` and no last chunk: llama.cpp's Python server drops one answer for the next like this."""
    await read_request(reader)
    half = chat_events(is_finished=False) + b"data: [DONE]\n\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    writer.write(head + b"%x\r\n%b\r\n" % (len(half), half))
    await writer.drain()


async def announces_two_lengths(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer that two readers would cut differently."""
    line, body = await read_request(reader)
    content = body_of(line, is_streamed=_is_streamed(body))
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: %d\r\n\r\n%b" % (len(content), content))
    await writer.drain()


async def has_a_head_beyond_all_measure(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers that nobody would want to hold."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n" + b"x-more: %b\r\n" % (b"x" * 500) * 1_000)
    await reader.read()


async def switches_protocols(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Nobody asked for another protocol."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x02hi")
    await reader.read()


async def hints_before_it_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Interim answers are none."""
    line, body = await read_request(reader)
    is_streamed = _is_streamed(body)
    content = body_of(line, is_streamed=is_streamed)
    writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    writer.write(_answer_head(is_streamed=is_streamed, length=len(content)) + content)
    await writer.drain()


async def answers_whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer in one piece, whatever was asked for."""
    line, _ = await read_request(reader)
    content = body_of(line, is_streamed=False)
    writer.write(_answer_head(is_streamed=False, length=len(content)) + content)
    await writer.drain()


async def answers_in_events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A stream, whatever was asked for."""
    line, _ = await read_request(reader)
    content = body_of(line, is_streamed=True)
    writer.write(_answer_head(is_streamed=True, length=len(content)) + content)
    await writer.drain()


async def has_nothing_to_say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Success without an answer."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await writer.drain()


async def fails_with_status_200(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An error that only its words tell, fit for both dialects."""
    await read_request(reader)
    told = {"type": "overloaded_error", "code": 529, "message": "The model is overloaded."}
    content = json.dumps({"type": "error", "error": told}).encode()
    writer.write(_answer_head(is_streamed=False, length=len(content)) + content)
    await writer.drain()


async def sends_no_gzip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A header that the body does not keep."""
    await _squeezed(reader, writer, lambda _: b"{} is no gzip at all")


async def sends_a_bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A quarter of a megabyte that becomes sixty."""
    await _squeezed(reader, writer, lambda _: _BOMB)


async def ends_its_gzip_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whole framing around the first part of an answer."""
    await _squeezed(reader, writer, _first_part)


async def breaks_its_gzip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The first part of an answer, and when that has been read what is no deflate."""
    await _squeezed(reader, writer, _first_part, b"\xff" * 64)


def _first_part(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(content[: len(content) * 2 // 3]) + packer.flush(zlib.Z_SYNC_FLUSH)


async def _squeezed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, squeeze: Callable[[bytes], bytes], later: bytes = b""
) -> None:
    line, body = await read_request(reader)
    is_streamed = _is_streamed(body)
    content = squeeze(body_of(line, is_streamed=is_streamed))
    head = _answer_head(is_streamed=is_streamed, length=len(content) + len(later))
    writer.write(head.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n") + content)
    if later and is_streamed:
        await asyncio.sleep(_READ_SECONDS)
    writer.write(later)
    await writer.drain()


async def redirects_with_a_body_that_hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Nobody wants the body, so nobody may wait for it, and the connection must go."""
    await _hang_after(reader, writer, b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n")


async def uses_an_unknown_coding_and_hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The headers alone tell that the body cannot be read."""
    await _hang_after(reader, writer, b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n")


async def fails_with_a_body_beyond_all_measure(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An error whose words are longer than anybody reads."""
    await _hang_after(reader, writer, b"HTTP/1.1 500 Oops\r\n", b"x" * 100_000)


async def _hang_after(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, body: bytes = b"{"
) -> None:
    await read_request(reader)
    writer.write(head + b"content-length: 10000000\r\n\r\n" + body)
    await reader.read()  # until the other side closes


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of an upstream that treats every connection with ``serve``."""

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(treat, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    """An address that refuses connections: it is bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@asynccontextmanager
async def never_accepting() -> AsyncIterator[str]:
    """An address whose queue of connections is full: a dial is never answered."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(2):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{address[1]}"
