"""Points of streaming that no other module tells: choices, the model, tables swapped under a stream."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import httpx2
import pytest
from tests.faults.raw_upstreams import chat_events, read_request, serving
from tests.gateway.gateway_bench import Bench, StartSimulator, canary, events, service, text_of, until, variant

from tidegate.wire.insertion import Insertion

ONE_CHOICE = chat_events("one two").removesuffix(b"data: [DONE]\n\n")


async def _listen(bench: Bench, choices: int, received: bytearray) -> None:
    body = {"model": "bot", "stream": True, "n": choices, "messages": [{"role": "user", "content": "hi"}]}
    async with bench.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        async for piece in answer.aiter_bytes():
            received += piece


@pytest.mark.parametrize(("choices", "is_missing_one"), [(1, False), (2, True)])
async def test_a_stream_that_ends_before_another_choice_began_is_truncated(bench: Bench, choices, is_missing_one):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(ONE_CHOICE), ONE_CHOICE))
        await writer.drain()

    async with serving(serve) as url:
        bench.provide("sim", url)
        bench.publish(service())
        received = bytearray()
        with pytest.raises(httpx2.RemoteProtocolError) if is_missing_one else nullcontext():
            await _listen(bench, choices, received)
    told = events(received.decode())
    assert (told[-1] == "[DONE]") != is_missing_one
    if is_missing_one:
        assert told[-1]["error"]["code"] == "upstream_truncated"
    assert (await bench.observations.after(1))[0].outcome == ("truncated" if is_missing_one else "ok")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_choices_interleave_and_all_arrive(bench: Bench, simulate: StartSimulator, stream: bool):
    bench.provide("sim", await simulate({"stable-model": {"answer": ["one two", "three four"]}}))
    bench.publish(service())
    answer = await bench.chat(stream=stream, n=2)
    if not stream:
        assert [choice["index"] for choice in answer.json()["choices"]] == [0, 1]
        return
    said = {0: "", 1: ""}
    for event in events(answer.text):
        for choice in event["choices"] if event != "[DONE]" else ():
            said[choice["index"]] += choice["delta"].get("content") or ""
    assert sorted(said.values()) == ["one two", "three four"]
    assert (await bench.observations.after(1))[0].outcome == "ok"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_the_model_that_answered_is_the_one_reported(bench: Bench, simulate: StartSimulator, stream: bool):
    faults = [{"kind": "error", "status": 401}]
    bench.provide("sim", await simulate({"stable-model": {"faults": faults}}))
    bench.publish(service(variant(fallbacks=("sim/rescue-model",))))
    answer = await bench.chat(stream=stream)
    assert answer.headers["x-tidegate-version"] == "sim/rescue-model"
    row = (await bench.observations.after(1))[0]
    assert (row.model, row.served_version) == ("rescue-model", "sim/rescue-model")


async def test_new_tables_never_cut_a_stream_and_the_old_version_books_it(bench: Bench, simulate: StartSimulator):
    words = "one two three four five six"
    sim = await simulate({"stable-model": {"answer": words, "token_seconds": 0.05}})
    bench.provide("sim", sim)
    bench.publish(service())
    under_way = asyncio.ensure_future(bench.chat(stream=True))
    await until(lambda: bool(sim.requests))
    for number in range(3):
        await asyncio.sleep(0.05)
        bench.publish(service(variant(version=f"bot/v2.0.{number}-dddddddd", insertion=Insertion(model="new-model"))))
    answer = await under_way
    assert text_of(answer.text) == words
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.served_version, row.revision) == ("ok", "bot/v1.0.0-aaaaaaaa", 1)
    assert bench.gateway.in_flight_by_version() == {}


async def test_an_answer_without_any_content_is_an_answer(bench: Bench, simulate: StartSimulator):
    sim = await simulate({"stable-model": {"answer": ""}})
    bench.provide("sim", sim)
    bench.publish(service(variant(fallbacks=("sim/other",))))
    answer = await bench.chat(stream=True)
    assert text_of(answer.text) == ""
    assert events(answer.text)[-1] == "[DONE]"
    row = (await bench.observations.after(1))[0]
    assert (row.outcome, row.attempts, row.ttft_us) == ("ok", 1, 0)
    assert [request.model for request in sim.requests] == ["stable-model"]


async def test_a_wall_clock_that_is_set_back_shortens_nothing(bench: Bench, simulate: StartSimulator, monkeypatch):
    bench.provide("sim", await simulate({"stable-model": {"answer": "one two", "first_token_seconds": 0.05}}))
    bench.publish(service())
    told = iter(range(2_000_000_000_000_000_000, 0, -3_600_000_000_000))
    monkeypatch.setattr(bench.gateway, "_clock_ns", lambda: next(told))
    for _ in range(2):
        assert text_of((await bench.chat(stream=True)).text) == "one two"
    first, second = await bench.observations.after(2)
    assert first.started_at_us - second.started_at_us == 3_600_000_000
    assert 49_000 <= first.ttft_us <= first.duration_us
    assert 49_000 <= second.ttft_us <= second.duration_us


@pytest.mark.parametrize(
    ("fault", "stream", "tokens"),
    [
        ({"kind": "stream_error", "after_tokens": 0}, True, True),
        ({"kind": "wrong_content_type"}, False, True),
        ({"kind": "error", "status": 500}, False, False),  # it refused, and charges nothing
    ],
    ids=["error event before content", "no answer in a 200", "500"],
)
async def test_the_tokens_of_a_failed_attempt_are_booked_apart(bench: Bench, simulate, fault, stream, tokens):
    bench.provide("sim", await simulate({"candidate-model": {"faults": [fault]}}))
    bench.publish(canary())
    assert (await bench.chat(stream=stream)).headers["x-tidegate-variant"] == "stable"
    row = (await bench.observations.after(1))[0]
    by_variant = {series.labels.partition('variant="')[2][:6]: series for series in bench.gateway.telemetry.every()}
    candidate, stable = by_variant["candid"], by_variant["stable"]
    assert (candidate.failed_input_tokens > 0) == tokens
    assert (candidate.failed_cost_nano_usd > 0) == tokens
    assert (stable.failed_input_tokens, candidate.input_tokens) == (0, 0)
    assert stable.input_tokens == row.input_tokens
