"""Runs calls, flows and streams over HTTP: once synchronously, once asynchronously, with the same rules.

A passing failure (no connection, 429, 502, 503, 504) is tried again where repeating is safe; a stream of
events that breaks is resumed after the last event that arrived.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any, TypedDict, TypeVar, cast

import httpx2
import msgspec

from tidegate.client.call import Call, Flow, Stream
from tidegate.client.exchange import ATTEMPTS, Prepared, Server, content_of, pause_seconds, problem, read_answer
from tidegate.client.server_sent import ServerSent, ServerSentReader
from tidegate.errors import TidegateError

T = TypeVar("T")
_END = "end"  # the server's last event: nothing more will come
_STREAM_PAUSE_SECONDS = 1.0


class SyncTransport:
    """Blocking; ``http`` is replaceable for tests."""

    def __init__(self, server: Server, http: httpx2.BaseTransport | None = None) -> None:
        self._server = server
        self._http = httpx2.Client(transport=http, **_trust(server))

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def run(self, work: Call[T] | Flow[T]) -> T:
        """Send a call, or each call of a flow in turn."""
        if isinstance(work, Call):
            return self._send(work)
        steps = _Steps(work)
        while steps.call is not None:
            try:
                answer = self._send(steps.call)
            except TidegateError as error:
                steps.throw(error)
            else:
                steps.send(answer)
        return cast("T", steps.result)

    def stream(self, stream: Stream[T]) -> Iterator[T]:
        """Events until the server says that there will be no more."""
        after, failures = stream.after, 0
        while failures < ATTEMPTS:
            try:
                for event in self._events(stream, after):
                    if event.name == _END:
                        return
                    after, failures = event.id or after, 0
                    yield msgspec.json.decode(event.data, type=stream.returns)
                failures += 1  # it ended without saying so
            except httpx2.TransportError as error:
                failures += 1
                if failures >= ATTEMPTS:
                    raise self._server.unreachable(error) from error
            time.sleep(_STREAM_PAUSE_SECONDS)

    def _events(self, stream: Stream[Any], after: str) -> Iterator[ServerSent]:
        prepared, reader = self._server.prepare_stream(stream, after), ServerSentReader()
        with self._http.stream("GET", prepared.url, headers=prepared.headers, timeout=_patient(prepared)) as response:
            if response.status_code != 200:
                raise problem(response.status_code, response.read())
            for chunk in response.iter_bytes():
                yield from reader.feed(chunk)

    def _send(self, call: Call[T]) -> T:
        prepared, attempt = self._server.prepare(call), 0
        while True:
            attempt += 1
            status, retry_after = None, None
            try:
                with self._http.stream(
                    prepared.method,
                    prepared.url,
                    headers=prepared.headers,
                    content=content_of(call),
                    timeout=_timeout(prepared),
                ) as response:
                    status, retry_after = response.status_code, response.headers.get("retry-after")
                    pause = pause_seconds(call, attempt, status, retry_after)
                    if pause is None:
                        return self._read(call, response)
            except httpx2.TransportError as error:
                pause = None if status is not None else pause_seconds(call, attempt, None, None)
                if pause is None:
                    raise self._server.unreachable(error) from error
            time.sleep(pause)

    @staticmethod
    def _read(call: Call[T], response: httpx2.Response) -> T:
        if call.into is None or response.status_code != 200:
            return read_answer(call, response.status_code, response.read())
        return cast("T", sum(call.into.write(chunk) for chunk in response.iter_bytes()))


class AsyncTransport:
    """The same over asyncio."""

    def __init__(self, server: Server, http: httpx2.AsyncBaseTransport | None = None) -> None:
        self._server = server
        self._http = httpx2.AsyncClient(transport=http, **_trust(server))

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def run(self, work: Call[T] | Flow[T]) -> T:
        """Send a call, or each call of a flow in turn."""
        if isinstance(work, Call):
            return await self._send(work)
        steps = _Steps(work)
        while steps.call is not None:
            try:
                answer = await self._send(steps.call)
            except TidegateError as error:
                steps.throw(error)
            else:
                steps.send(answer)
        return cast("T", steps.result)

    async def stream(self, stream: Stream[T]) -> AsyncIterator[T]:
        """Events until the server says that there will be no more."""
        after, failures = stream.after, 0
        while failures < ATTEMPTS:
            try:
                async for event in self._events(stream, after):
                    if event.name == _END:
                        return
                    after, failures = event.id or after, 0
                    yield msgspec.json.decode(event.data, type=stream.returns)
                failures += 1  # it ended without saying so
            except httpx2.TransportError as error:
                failures += 1
                if failures >= ATTEMPTS:
                    raise self._server.unreachable(error) from error
            await asyncio.sleep(_STREAM_PAUSE_SECONDS)

    async def _events(self, stream: Stream[Any], after: str) -> AsyncIterator[ServerSent]:
        prepared, reader = self._server.prepare_stream(stream, after), ServerSentReader()
        opened = self._http.stream("GET", prepared.url, headers=prepared.headers, timeout=_patient(prepared))
        async with opened as response:
            if response.status_code != 200:
                raise problem(response.status_code, await response.aread())
            async for chunk in response.aiter_bytes():
                for event in reader.feed(chunk):
                    yield event

    async def _send(self, call: Call[T]) -> T:
        prepared, attempt = self._server.prepare(call), 0
        while True:
            attempt += 1
            status, retry_after = None, None
            try:
                async with self._http.stream(
                    prepared.method,
                    prepared.url,
                    headers=prepared.headers,
                    content=_async_content(call),
                    timeout=_timeout(prepared),
                ) as response:
                    status, retry_after = response.status_code, response.headers.get("retry-after")
                    pause = pause_seconds(call, attempt, status, retry_after)
                    if pause is None:
                        return await self._read(call, response)
            except httpx2.TransportError as error:
                pause = None if status is not None else pause_seconds(call, attempt, None, None)
                if pause is None:
                    raise self._server.unreachable(error) from error
            await asyncio.sleep(pause)

    @staticmethod
    async def _read(call: Call[T], response: httpx2.Response) -> T:
        if call.into is None or response.status_code != 200:
            return read_answer(call, response.status_code, await response.aread())
        written = 0
        async for chunk in response.aiter_bytes():
            written += call.into.write(chunk)
        return cast("T", written)


class _Steps:
    """Where a flow is: its next call, or its result."""

    def __init__(self, flow: Generator[Call[Any], Any, Any]) -> None:
        self._flow = flow
        self.call: Call[Any] | None = None
        self.result: Any = None
        self.send(None)

    def send(self, answer: Any) -> None:
        """Go on with the answer of :attr:`call`."""
        try:
            self.call = self._flow.send(answer)
        except StopIteration as done:
            self.call, self.result = None, done.value

    def throw(self, error: TidegateError) -> None:
        """Go on with the error of :attr:`call`; raises it when the flow does not expect it."""
        try:
            self.call = self._flow.throw(error)
        except StopIteration as done:
            self.call, self.result = None, done.value


class _Trust(TypedDict):
    trust_env: bool
    verify: bool


def _trust(server: Server) -> _Trust:
    """Plain HTTP to this machine meets neither proxies nor certificates, and loading those takes a while."""
    is_plain = server.is_loopback and server.url.startswith("http://")
    return {"trust_env": not server.is_loopback, "verify": not is_plain}


def _async_content(call: Call[Any]) -> bytes | AsyncIterator[bytes] | None:
    content = content_of(call)
    if content is None or isinstance(content, bytes):
        return content
    return _off_the_loop(iter(content))


async def _off_the_loop(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk


def _timeout(prepared: Prepared) -> httpx2.Timeout:
    return httpx2.Timeout(prepared.timeout_seconds, connect=min(5.0, prepared.timeout_seconds))


def _patient(prepared: Prepared) -> httpx2.Timeout:
    """The server writes a comment every few seconds, so silence means that it is gone."""
    return httpx2.Timeout(max(60.0, prepared.timeout_seconds), connect=min(5.0, prepared.timeout_seconds))
