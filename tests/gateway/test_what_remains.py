"""A request that is over, in whatever way, leaves nothing for the collector: what it held is free at once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest
from tests.gateway.gateway_bench import service, until

from tidegate.gateway.attempt import Attempt
from tidegate.gateway.call import Call
from tidegate.gateway.http.client import UpstreamConnection, UpstreamResponse
from tidegate.gateway.http.connection import Connection
from tidegate.gateway.http.requests import Request
from tidegate.gateway.http.timers import Timeout
from tidegate.gateway.stream_delivery import StreamDelivery
from tidegate.wire.relay_chat import ChatRelay

OF_A_REQUEST = (Attempt, Call, StreamDelivery, ChatRelay, Timeout)
OF_A_CONNECTION = (Connection, Request, UpstreamConnection, UpstreamResponse)


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive(*kinds: type) -> dict[str, int]:
    found = Counter(type(thing) for thing in gc.get_objects())
    return {kind.__name__: found[kind] for kind in kinds if found[kind]}


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("stream", [True, False])
async def test_a_whole_answer(bench, simulate, stream):
    bench.provide("sim", await simulate())
    bench.publish(service())
    for _ in range(3):
        assert (await bench.chat(stream=stream)).status_code == 200
    await until(lambda: not alive(*OF_A_REQUEST))
    await bench.client.aclose()
    bench.gateway.pool.close()
    await until(lambda: not alive(*OF_A_CONNECTION))


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("behaviour", [{"token_seconds": 60.0}, {"first_token_seconds": 60.0}], ids=["mid", "before"])
async def test_a_client_that_leaves(bench, simulate, behaviour):
    sim = await simulate({"stable-model": {"answer": "one two", **behaviour}})
    bench.provide("sim", sim)
    bench.publish(service())
    asking = asyncio.create_task(bench.chat(stream=True))
    await until(lambda: len(sim.requests) == 1)
    if "token_seconds" in behaviour:
        await until(lambda: bool(alive(StreamDelivery)))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: not alive(*OF_A_REQUEST, *OF_A_CONNECTION))


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset", "before": "headers"},
        {"kind": "reset", "before": "token"},
        {"kind": "truncate", "by": "chunk"},
        {"kind": "truncate", "by": "cut"},
        {"kind": "stream_error"},
        {"kind": "error"},
    ],
    ids=lambda fault: "-".join(fault.values()),
)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_upstream_that_fails(bench, simulate, fault, stream):
    sim = await simulate({"stable-model": {"answer": "one two three four five", "faults": [fault]}})
    bench.provide("sim", sim)
    bench.publish(service())
    with contextlib.suppress(httpx2.RemoteProtocolError):
        await bench.chat(stream=stream)
    assert sim.requests
    await bench.client.aclose()
    bench.gateway.pool.close()
    await until(lambda: not alive(*OF_A_REQUEST, *OF_A_CONNECTION))


@pytest.mark.usefixtures("no_collector")
async def test_an_upstream_that_cannot_be_reached(bench, closed_port):
    bench.provide("sim", closed_port)
    bench.publish(service())
    assert (await bench.chat(stream=True)).status_code == 502
    await bench.client.aclose()
    await until(lambda: not alive(*OF_A_REQUEST, *OF_A_CONNECTION))
