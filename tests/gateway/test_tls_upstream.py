from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme
from tests.gateway.gateway_bench import service

from tidegate.simulator import Simulator

BODY = {"model": "bot", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return str(path), context


@asynccontextmanager
async def behind_tls(simulator: Simulator, context: ssl.SSLContext) -> AsyncIterator[str]:
    """A TLS terminator in front of a simulator, as a provider has one."""
    port = int(simulator.url.rpartition(":")[2])

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_provider_whose_certificate_is_trusted_answers(bench, simulate, authority, is_stream):
    ca_file, context = authority
    simulator = await simulate()
    async with behind_tls(simulator, context) as url:
        bench.provide("sim", url, ca_file=ca_file)
        bench.publish(service())
        answer = await bench.client.post("/v1/chat/completions", json=BODY | {"stream": is_stream})
        assert answer.status_code == 200
        assert "fine" in answer.text
        assert (await bench.observations.after(1))[0].outcome == "ok"


async def test_a_provider_whose_certificate_is_not_trusted_gets_no_request_and_no_key(bench, simulate, authority):
    _, context = authority
    simulator = await simulate()
    async with behind_tls(simulator, context) as url:
        bench.provide("sim", url)  # the system's own trust store does not know this authority
        bench.publish(service())
        answer = await bench.client.post("/v1/chat/completions", json=BODY)
        assert answer.status_code == 502
        assert simulator.requests == []
        observation = (await bench.observations.after(1))[0]
        assert (observation.outcome, observation.status) == ("upstream_error", 502)
