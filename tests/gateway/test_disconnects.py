"""The client leaves: the upstream request is cancelled on every route, and the tokens are booked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.faults.heard import PATHS, body_for
from tests.gateway.gateway_bench import KEY, Bench, canary, service, until, variant

from tidegate.wire.insertion import Insertion


async def leave_when(
    bench: Bench, holds: Callable[[], bool], *, heard: bytes = b"", kind: str = "chat", **body: Any
) -> None:
    """Ask, wait until something holds and ``heard`` has come, and close the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port)
    content = msgspec.json.encode(body_for(kind, "bot", is_streamed=False) | body)
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
        % (PATHS[kind].encode(), KEY.encode(), len(content), content)
    )
    await until(holds)
    if heard:
        await reader.readuntil(heard)
    writer.close()


@pytest.mark.parametrize(
    ("stream", "behaviour"),
    [
        (True, {"faults": [{"kind": "hang", "before": "headers"}]}),
        (True, {"faults": [{"kind": "hang", "before": "content"}]}),
        (True, {"answer": "one two three four five six", "token_seconds": 1.0}),
        (False, {"first_token_seconds": 30.0}),
    ],
    ids=["before headers", "before content", "mid-stream", "whole"],
)
async def test_the_upstream_is_cancelled_at_once(bench, simulate, stream, behaviour):
    sim = await simulate({"stable-model": behaviour})
    bench.provide("sim", sim)
    bench.publish(service())
    heard = b'"one' if "token_seconds" in behaviour else b""
    await leave_when(bench, lambda: bool(sim.requests), heard=heard, stream=stream)
    await until(lambda: sim.stats()["aborted"] == 1)
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.assigned_outcome, row.is_estimated) == ("cancelled", "cancelled", True)
    assert row.input_tokens > 0
    assert row.output_tokens >= (1 if "token_seconds" in behaviour else 0)
    assert row.status == (200 if "token_seconds" in behaviour else 0)
    assert bench.gateway.pool.idle == 0
    assert bench.gateway.in_flight_by_version() == {}
    assert (await bench.chat(model="none")).status_code == 404


ROUTES = [
    *(("chat", dialect) for dialect in ("openai", "anthropic")),
    *(("messages", dialect) for dialect in ("openai", "anthropic")),
    ("responses", "openai"),
    ("completions", "openai"),
]
WAITS: dict[str, tuple[bool, dict[str, Any]]] = {
    "before headers": (True, {"faults": [{"kind": "hang", "before": "headers"}]}),
    "before content": (True, {"faults": [{"kind": "hang", "before": "content"}]}),
    "mid-stream": (True, {"answer": "one two three", "faults": [{"kind": "hang", "before": "token"}]}),
    "whole": (False, {"first_token_seconds": 30.0}),
    "inside a whole body": (False, {"faults": [{"kind": "hang", "before": "token"}]}),
}


@pytest.mark.parametrize("moment", WAITS)
@pytest.mark.parametrize(("kind", "dialect"), ROUTES, ids=lambda part: part)
async def test_on_every_route_the_upstream_is_cancelled_its_connection_closed_and_the_tokens_booked(
    bench, simulate, kind, dialect, moment
):
    stream, behaviour = WAITS[moment]
    sim = await simulate({"stable-model": behaviour})
    bench.provide("sim", sim, dialect=dialect)
    bench.publish(service(), service(variant(insertion=Insertion(model="other")), name="before"))
    assert (await bench.client.post(PATHS[kind], json=body_for(kind, "before", is_streamed=False))).status_code == 200
    assert bench.gateway.pool.idle == 1  # what is used again goes another way than what is dialled
    heard = b"two" if moment == "mid-stream" else b""
    await leave_when(bench, lambda: len(sim.requests) == 2, heard=heard, kind=kind, stream=stream)
    await until(lambda: sim.stats()["aborted"] == 1)
    row = (await bench.observations.after(2))[1]
    may_know_usage = dialect == "anthropic" and moment == "before content"  # a message begins with it
    assert (row.outcome, row.is_estimated or may_know_usage, row.input_tokens > 0) == ("cancelled", True, True)
    assert (row.status, row.output_tokens >= 2) == ((200, True) if heard else (0, False))
    assert (bench.gateway.pool.idle, bench.gateway.in_flight_by_version()) == (0, {})


@pytest.mark.parametrize(("kind", "dialect"), [("embeddings", "openai"), ("count_tokens", "anthropic")])
async def test_what_generates_nothing_is_cancelled_too(bench, simulate, kind, dialect):
    sim = await simulate({"stable-model": {"faults": [{"kind": "hang", "before": "headers"}]}})
    bench.provide("sim", sim, dialect=dialect)
    bench.publish(service())
    await leave_when(bench, lambda: bool(sim.requests), kind=kind)
    await until(lambda: sim.stats()["aborted"] == 1)
    assert (await bench.observations.after(1))[0].outcome == "cancelled"
    assert bench.gateway.pool.idle == 0


async def test_a_client_that_leaves_says_nothing_about_breaker_or_candidate(bench, simulate):
    sim = await simulate({"candidate-model": {"first_token_seconds": 30.0}})
    bench.provide("sim", sim)
    bench.publish(canary(cutoff_failures=1))
    await leave_when(bench, lambda: bool(sim.requests))
    await bench.observations.after(1)
    assert bench.gateway.cutoffs() == ()
    assert bench.gateway.breaker_states() == ()


async def test_a_client_that_leaves_during_a_rescue_leaves_the_candidates_failure_on_record(bench, simulate):
    sim = await simulate(
        {
            "candidate-model": {"faults": [{"kind": "error", "status": 500}]},
            "stable-model": {"first_token_seconds": 30.0},
        }
    )
    bench.provide("sim", sim)
    bench.publish(canary())
    await leave_when(bench, lambda: len(sim.requests) == 2)
    await until(lambda: sim.stats()["aborted"] == 1)
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.assigned_outcome, row.attempts) == ("cancelled", "upstream_error", 2)


async def test_draining_lets_a_stream_finish(bench, simulate):
    sim = await simulate({"stable-model": {"answer": "one two three four", "token_seconds": 0.1}})
    bench.provide("sim", sim)
    bench.publish(service())
    under_way = asyncio.ensure_future(bench.chat(stream=True))
    await until(lambda: bool(sim.requests))
    await bench.server.drain(5.0)
    answer = await under_way
    assert "[DONE]" in answer.text
    assert (await bench.observations.after(1))[0].outcome == "ok"
