"""Two answers beside each other over real sockets: who gets them, and what they are."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from tests.gateway.gateway_bench import Bench, events, release, service, until, variant
from tests.gateway.interleave.both_answers import (
    ANSWERS,
    STREAMED,
    TWO,
    give,
    interleaved,
    pair_of,
    texts,
)

from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.pairs import copy_id
from tidegate.delivery.records import ContentRecord
from tidegate.delivery.snapshot import ContentPolicy
from tidegate.gateway.interleave.side_by_side import order_of


@STREAMED
async def test_a_client_that_can_show_two_answers_gets_one_of_each_version(bench, simulate, stream):
    sim = await give(bench, simulate, ANSWERS)
    answer = await bench.chat(stream=stream, headers=TWO)
    assert (answer.status_code, answer.headers["x-tidegate-choices"]) == (200, "2")
    pair = await pair_of(bench)
    by_variant = {"stable": "on its way", "candidate": "on its way home"}
    assert texts(answer, stream=stream) == {place: by_variant[name] for place, name in enumerate(pair.shown)}
    assert sorted(request.model for request in sim.requests) == ["candidate-model", "stable-model"]
    assert (pair.stable.outcome, pair.candidate.outcome, pair.is_exact) == ("ok", "ok", False)
    assert pair.stable.request_id == pair.candidate.request_id == answer.headers["x-request-id"]


@STREAMED
async def test_nothing_in_the_answer_tells_whose_choice_is_whose(bench, simulate, stream):
    await give(bench, simulate, ANSWERS)
    answer = await bench.chat(stream=stream, headers=TWO)
    told = [event for event in events(answer.text) if event != "[DONE]"] if stream else [answer.json()]
    assert {event["model"] for event in told} == {"bot"}
    assert len({event["id"] for event in told}) == 1
    assert all(set(event) <= {"id", "object", "created", "model", "choices", "usage"} for event in told)
    assert (answer.headers["x-tidegate-variant"], answer.headers["x-tidegate-attempts"]) == ("stable", "1")
    assert "candidate" not in answer.text + str(answer.headers)


@STREAMED
async def test_tokens_add_up_and_each_version_pays_its_own(bench, simulate, stream):
    await give(bench, simulate, ANSWERS)
    wants = {"stream_options": {"include_usage": True}} if stream else {}
    answer = await bench.chat(stream=stream, headers=TWO, **wants)
    usage = (
        next(event["usage"] for event in events(answer.text) if event.get("usage"))
        if stream
        else answer.json()["usage"]
    )
    rows = {row.variant: row for row in await bench.observations.after(2)}
    assert usage["completion_tokens"] == rows["stable"].output_tokens + rows["candidate"].output_tokens
    assert usage["prompt_tokens"] == rows["stable"].input_tokens + rows["candidate"].input_tokens
    assert rows["candidate"].cost_nano_usd > rows["stable"].cost_nano_usd > 0
    assert rows["candidate"].request_id == copy_id(rows["stable"].request_id)
    assert (rows["candidate"].propensity, rows["candidate"].unit_hash) == (0, rows["stable"].unit_hash)
    page = (await bench.client.get("/metrics")).text
    assert (
        'tidegate_requests_total{service="bot",version="bot/v1.1.0-bbbbbbbb",variant="candidate",outcome="ok"} 1'
        in page
    )


@STREAMED
@pytest.mark.parametrize("headers", [None, {"x-tidegate-choices": "1"}, {"x-tidegate-choices": "two"}])
async def test_who_does_not_ask_for_two_is_served_as_ever(bench, simulate, stream, headers):
    sim = await give(bench, simulate, ANSWERS)
    answer = await bench.chat(stream=stream, headers=headers)
    assert texts(answer, stream=stream) == {0: "on its way"}
    assert "x-tidegate-choices" not in answer.headers
    await bench.observations.after(1)
    assert [request.model for request in sim.requests] == ["stable-model"]
    assert bench.observations.pairs == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"n": 2}, "choices"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, "tools"),
        ({"functions": []}, "tools"),
    ],
)
async def test_what_has_no_second_answer_gets_one_and_is_counted(bench, simulate, body, reason):
    sim = await give(bench, simulate, ANSWERS)
    answer = await bench.chat(headers=TWO, **body)
    assert "x-tidegate-choices" not in answer.headers
    assert {request.model for request in sim.requests} == {"stable-model"}
    ((_, tally),) = bench.gateway.mirrors.tallies()
    assert dict(tally.results) == {reason: 1}


async def test_an_anthropic_client_gets_one_answer_and_is_counted(bench, simulate):
    await give(bench, simulate, ANSWERS)
    body = {"model": "bot", "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]}
    answer = await bench.client.post("/v1/messages", json=body, headers=TWO)
    assert (answer.status_code, answer.json()["content"][0]["text"]) == (200, "on its way")
    assert "x-tidegate-choices" not in answer.headers
    ((_, tally),) = bench.gateway.mirrors.tallies()
    assert dict(tally.results) == {"dialect": 1}


@STREAMED
async def test_a_version_that_speaks_anthropics_dialect_is_shown_as_a_choice_too(bench, simulate, stream):
    sim = await give(bench, simulate, ANSWERS)
    bench.provide("claude", sim, "anthropic")
    mirroring = Mirroring(share=10_000, patience=60.0)
    bench.publish(
        service(variant("stable"), variant("candidate", 0, provider="claude"), release=release(mirroring=mirroring))
    )
    answer = await bench.chat(stream=stream, headers=TWO)
    assert sorted(texts(answer, stream=stream).values()) == ["on its way", "on its way home"]


async def test_the_order_is_random_and_by_the_requests_id(bench, simulate):
    await give(bench, simulate, {})
    for _ in range(40):
        await bench.chat(headers=TWO)
    await until(lambda: len(bench.observations.pairs) == 40)
    first = Counter(pair.shown[0] for pair in bench.observations.pairs)
    assert min(first["stable"], first["candidate"]) >= 8
    for pair in bench.observations.pairs:
        call = msgspec.defstruct("Call", [("request_id", str)])(pair.stable.request_id)
        assert order_of(call, "candidate", "stable") == pair.shown


async def test_both_texts_are_kept_where_the_service_keeps_content(bench, simulate):
    policy = ContentPolicy(sample=10_000, redact=False, keep_seconds=60)
    await give(bench, simulate, ANSWERS, interleaved(content=policy))
    answer = await bench.chat(headers=TWO)
    await pair_of(bench)
    bench.gateway.content.finish()
    await until(lambda: len(_kept(bench)) == 2)
    request_id = answer.headers["x-request-id"]
    assert _kept(bench) == {request_id: "on its way", copy_id(request_id): "on its way home"}


def _kept(bench: Bench) -> dict[str, str]:
    _ = bench.observations.pairs
    return {each.request_id: each.answer for each in bench.observations.others if isinstance(each, ContentRecord)}
