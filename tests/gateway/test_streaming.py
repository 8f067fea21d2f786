"""Streams: held until content, then relayed byte for byte, and ended honestly."""

from __future__ import annotations

import asyncio
import json

import httpx2
import pytest
from tests.faults.heard import PATHS, body_for
from tests.faults.raw_upstreams import read_request, serving
from tests.gateway.gateway_bench import (
    KEY,
    Bench,
    StartSimulator,
    canary,
    chat_body,
    events,
    service,
    text_of,
    until,
    variant,
)
from tests.wire.streams import chunk

from tidegate.delivery.snapshot import Timeouts

WORDS = "one two three four five six seven eight"


async def give(bench: Bench, simulate: StartSimulator, behaviour, *, dialect="openai", **settings):
    sim = await simulate({"stable-model": {"answer": WORDS, **behaviour}})
    bench.provide("sim", sim, dialect=dialect)
    bench.publish(service(variant(**settings)))
    return sim


async def broken(bench: Bench, path="/v1/chat/completions", **body) -> tuple[str, bool]:
    """What a stream brought, and whether its framing was broken."""
    received = bytearray()
    request = chat_body(stream=True, max_tokens=100, **body)
    if path == "/v1/responses":
        request = {"model": "bot", "input": "hi", "stream": True}
    try:
        async with bench.client.stream("POST", path, json=request) as answer:
            assert answer.status_code == 200
            async for piece in answer.aiter_bytes():
                received += piece
    except httpx2.RemoteProtocolError:
        return received.decode(), True
    return received.decode(), False


@pytest.mark.parametrize(
    ("kind", "dialect"),
    [
        ("chat", "openai"),
        ("chat", "anthropic"),
        ("messages", "openai"),
        ("messages", "anthropic"),
        ("responses", "openai"),
        ("completions", "openai"),
    ],
)
async def test_bytes_arrive_as_they_come(bench, simulate, kind, dialect):
    sim = await give(bench, simulate, {"token_seconds": 0.03}, dialect=dialect)
    pieces = 0
    body = body_for(kind, "bot", is_streamed=True)
    async with bench.client.stream("POST", PATHS[kind], json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-cache", "no")
        assert "content-encoding" not in answer.headers
        async for _ in answer.aiter_raw():
            pieces += 1
    assert pieces >= 3
    assert sim.requests[0].headers["accept-encoding"] == "identity"
    row = (await bench.observations.after(1))[0]
    assert 0 < row.ttft_us < row.duration_us
    assert row.tpot_us > 10_000


@pytest.mark.parametrize(
    "shape", [{"split_bytes": 7}, {"line_end": "\r\n"}, {"has_comments": True}, {"has_terminator": False}]
)
async def test_whatever_shape_a_stream_has_its_text_arrives(bench, simulate, shape):
    await give(bench, simulate, {"stream": shape})
    assert text_of((await bench.chat(stream=True)).text) == WORDS
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.output_tokens > 0, row.is_estimated) == ("ok", True, False)


async def test_usage_is_asked_for_counted_and_hidden_from_who_did_not_ask(bench, simulate):
    sim = await give(bench, simulate, {})
    quiet = await bench.chat(stream=True)
    asked = await bench.chat(stream=True, stream_options={"include_usage": True})
    assert all(request.body["stream_options"]["include_usage"] for request in sim.requests)
    assert not any("usage" in event for event in events(quiet.text) if event != "[DONE]")
    assert any(event.get("usage") for event in events(asked.text) if event != "[DONE]")
    first, second = await bench.observations.after(2)
    assert first.input_tokens == second.input_tokens > 0
    assert first.cost_nano_usd == first.input_tokens * 1000 + first.output_tokens * 4000


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "truncate", "by": "cut"}, "truncated"),
        ({"kind": "truncate", "by": "chunk"}, "truncated"),
        ({"kind": "reset", "before": "token"}, "truncated"),
    ],
    ids=["cut", "chunk", "reset"],
)
@pytest.mark.parametrize(
    ("path", "dialect", "mark"),
    [
        ("/v1/chat/completions", "openai", 'data: {"error"'),
        ("/v1/messages", "anthropic", "event: error"),
        ("/v1/responses", "openai", "event: response.failed"),
        ("/v1/messages", "openai", "event: error"),
        ("/v1/chat/completions", "anthropic", 'data: {"error"'),
    ],
)
async def test_a_stream_that_breaks_after_content_ends_in_an_error_event_and_broken_framing(
    bench, simulate, fault, outcome, path, dialect, mark
):
    sim = await give(bench, simulate, {"faults": [fault]}, dialect=dialect, fallbacks=("sim/rescue-model",))
    text, is_broken = await broken(bench, path)
    assert "one" in text
    assert mark in text
    assert is_broken
    assert "[DONE]" not in text
    assert "message_stop" not in text
    assert len(sim.requests) == 1  # never another model's text behind it
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.assigned_outcome, row.served, row.status) == (outcome, outcome, "stable", 200)
    assert row.is_estimated or row.output_tokens >= 0
    assert row.input_tokens > 0
    assert row.output_tokens > 0


async def test_the_upstreams_own_error_event_ends_the_stream_properly(bench, simulate):
    await give(bench, simulate, {"faults": [{"kind": "stream_error", "after_tokens": 2}]})
    text, is_broken = await broken(bench)
    assert "one" in text
    assert "error" in events(text)[-1]
    assert not is_broken
    assert (await bench.observations.after(1))[0].outcome == "upstream_error"


async def test_an_error_event_before_content_is_rescued(bench, simulate):
    sim = await give(
        bench,
        simulate,
        {"faults": [{"kind": "stream_error", "after_tokens": 0, "status": 500}]},
        fallbacks=("sim/other",),
    )
    answer = await bench.chat(stream=True)
    assert text_of(answer.text) == "fine"
    assert [request.model for request in sim.requests] == ["stable-model", "stable-model", "other"]


@pytest.mark.parametrize("by", ["cut", "chunk"])
async def test_a_stream_that_ends_before_content_is_rescued(bench, simulate, by):
    await give(
        bench, simulate, {"faults": [{"kind": "truncate", "by": by, "after_tokens": 0}]}, fallbacks=("sim/other",)
    )
    assert text_of((await bench.chat(stream=True)).text) == "fine"
    assert (await bench.observations.after(1))[0].assigned_outcome == "truncated"


async def test_a_malformed_event_is_passed_on_and_counted(bench, simulate):
    await give(bench, simulate, {"faults": [{"kind": "malformed_event", "after_tokens": 2}]})
    text, is_broken = await broken(bench)
    assert "{not json" in text
    assert not is_broken
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.malformed_events) == ("ok", 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_refusals_and_filtered_answers_are_told_from_answers(bench, simulate, stream):
    await give(
        bench, simulate, {"faults": [{"kind": "refusal", "first": 1}, {"kind": "content_filter", "on": "answer"}]}
    )
    await bench.chat(stream=stream)
    await bench.chat(stream=stream)
    assert [row.outcome for row in await bench.observations.after(2)] == ["refused", "filtered"]


async def test_a_slow_reader_makes_the_upstream_wait_and_is_no_fault(bench, simulate):
    sim = await simulate({"stable-model": {"answer": "x" * 2000, "tokens": 60_000}})
    bench.provide("sim", sim)
    bench.publish(service(variant(timeouts=Timeouts(connect=2, first_token=20, idle=0.5, total=50))))
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port, limit=1024)
    body = b'{"model":"bot","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer key-of-the-shop\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    await reader.read(100)
    await asyncio.sleep(1.2)
    assert sim.stats()["concurrent"] == 1, "the upstream must not have been read to its end"
    received = bytearray()
    while piece := await reader.read(65_536):
        received += piece
    writer.close()
    assert received.endswith(b"0\r\n\r\n")
    assert b"[DONE]" in received
    assert (await bench.observations.after(1))[0].outcome == "ok"


async def test_a_reader_that_takes_nothing_stops_an_upstream_that_never_would(bench):
    event = chunk({"index": 0, "delta": {"content": "x" * 4_000}})
    piece, sent = b"%x\r\n%b\r\n" % (len(event), event) * 8, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()

    async def is_level() -> bool:
        before = sent
        await asyncio.sleep(0.4)
        return sent == before > 0

    async with serving(serve) as url:
        bench.provide("sim", url)
        bench.publish(service())
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port, limit=1024)
        body = json.dumps(chat_body(stream=True)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await reader.read(100)
        while not await is_level():
            assert sent < 200 << 20, "more than all buffers of the kernel hold"
        writer.close()
        assert (await bench.observations.after(1))[0].outcome == "cancelled"


async def test_an_endless_stream_without_content_is_not_held_for_ever(bench, simulate):
    await give(
        bench,
        simulate,
        {"faults": [{"kind": "hang", "before": "content", "keepalive_seconds": 0.02}]},
        fallbacks=("sim/other",),
        timeouts=Timeouts(connect=2, first_token=0.5, idle=20, total=20),
    )
    assert text_of((await bench.chat(stream=True)).text) == "fine"


async def test_a_candidates_broken_stream_counts_against_it(bench, simulate):
    sim = await simulate({"candidate-model": {"answer": WORDS, "faults": [{"kind": "truncate", "by": "cut"}]}})
    bench.provide("sim", sim)
    bench.publish(canary(cutoff_failures=2))
    for _ in range(2):
        await broken(bench)
    await until(lambda: bool(bench.gateway.cutoffs()))
    assert bench.gateway.cutoffs()[0].reason == "truncated"
