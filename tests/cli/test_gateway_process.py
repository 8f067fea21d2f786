"""A gateway process as it finds its providers: through proxies, behind certificates of an authority of one's own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from tests.faults.certificates import presenting
from tests.hostile.rig import QUICK, running_gateway, service, snapshot

from tidegate.cli.gateway_process import proxy_finder

HOST = "models.example"


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, "https://a.example", "http://p:1"),
        ({"https_proxy": "http://p:1"}, "https://a.example", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://a.example", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b.example, a.example"}, "https://a.example/v1", None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": ".example"}, "https://a.example", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example"}, "https://aa.example", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://a.example", None),
        ({}, "https://a.example", None),
    ],
)
def test_which_providers_are_reached_through_the_proxy(environ, url, proxy):
    assert proxy_finder(environ)(url) == proxy


@asynccontextmanager
async def tunnelling(to: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A proxy that tunnels whatever it is asked for to one address, and the lines it was asked with."""
    asked: list[bytes] = []
    near, _, port = to.rpartition(":")
    under_way: set[asyncio.Task[None] | None] = set()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
        sink.close()

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.partition(b"\r\n")[0])
        far_reader, far_writer = await asyncio.open_connection(near, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            for each in (far_writer, writer):
                each.transport.abort()

    server = await asyncio.start_server(treat, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        for task in filter(None, under_way):
            task.cancel()
        await asyncio.gather(*filter(None, under_way), return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close in the next turn


@pytest.mark.parametrize("certified", [HOST, "elsewhere.example"])
async def test_a_provider_is_reached_through_the_proxy_and_its_certificate_must_be_good(tmp_path, certified):
    async with (
        presenting(lambda authority: authority.issue_cert(certified)) as (url, ca_file),
        tunnelling(url.removeprefix("https://")) as (proxy, asked),
    ):
        table = snapshot({"far": ("openai", f"https://{HOST}/v1")}, [service("bot", "far", "m", QUICK)])
        table.providers["far"] = msgspec.structs.replace(table.providers["far"], ca_file=ca_file)
        gateway = running_gateway(tmp_path, table, environ={"HTTPS_PROXY": proxy, "NO_PROXY": "localhost"})
        with gateway as running:
            status, told = await asyncio.to_thread(running.chat)
            log = running.log
    assert set(asked) == {b"CONNECT %b:443 HTTP/1.1" % HOST.encode()}
    if certified == HOST:
        assert told["choices"][0]["message"]["content"] == "one two three four five six"
    else:
        assert (status, told["error"]["code"]) == (502, "upstream_unreachable")
        assert f"certificate is not valid for '{HOST}'" in log
        assert "provider.unreachable" in log
