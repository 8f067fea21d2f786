"""Two answers beside each other over real sockets: who gets them, what they are, and what happens when one is missing."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from tests.fakes.json_endpoint import json_endpoint
from tests.gateway.gateway_bench import (
    KEY,
    Bench,
    StartSimulator,
    chat_body,
    events,
    release,
    service,
    until,
    variant,
)

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.pairs import PairRecord, copy_id
from tidegate.delivery.records import ContentRecord
from tidegate.delivery.snapshot import AccessKey, ContentPolicy
from tidegate.gateway.http.upstream_response import UpstreamResponse
from tidegate.gateway.interleave.side_by_side import order_of

TWO = {"x-tidegate-choices": "2"}
ANSWERS = {"stable-model": {"answer": "on its way"}, "candidate-model": {"answer": "on its way home"}}
HANG = {"faults": [{"kind": "hang", "before": "headers"}]}
BROKEN = {"faults": [{"kind": "error", "status": 500}]}
CUT = {"answer": "one two three four five six", "faults": [{"kind": "truncate", "by": "cut", "after_tokens": 2}]}


def both(behaviour: dict[str, Any]) -> dict[str, Any]:
    return {"stable-model": behaviour, "candidate-model": behaviour}


def interleaved(patience: float = 60.0, share: int = 10_000, **settings: Any):
    """A service whose requests both versions answer, for clients that can show two."""
    mirroring = Mirroring(share=share, patience=patience)
    return service(
        variant("stable"),
        variant("candidate", 0),
        release=release(mirroring=mirroring, **settings.pop("of", {})),
        **settings,
    )


async def give(bench: Bench, simulate: StartSimulator, behaviours: dict[str, Any], route=None):
    sim = await simulate(behaviours)
    bench.provide("sim", sim)
    bench.publish(route or interleaved())
    return sim


async def pair_of(bench: Bench) -> PairRecord:
    await until(lambda: len(bench.observations.pairs) == 1)
    return bench.observations.pairs[0]


def texts(answer, *, stream: bool) -> dict[int, str]:
    """What each choice says."""
    if not stream:
        return {choice["index"]: choice["message"]["content"] for choice in answer.json()["choices"]}
    said: dict[int, str] = {}
    for event in events(answer.text):
        for choice in event["choices"] if event != "[DONE]" else ():
            said[choice["index"]] = said.get(choice["index"], "") + (choice["delta"].get("content") or "")
    return said


STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


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


@STREAMED
@pytest.mark.parametrize(
    ("failing", "left"), [("candidate", "on its way"), ("stable", "on its way home")], ids=["candidate", "stable"]
)
async def test_when_one_version_fails_the_other_is_delivered_alone(bench, simulate, stream, failing, left):
    await give(bench, simulate, ANSWERS | {f"{failing}-model": BROKEN})
    answer = await bench.chat(stream=stream, headers=TWO)
    assert answer.status_code == 200
    assert list(texts(answer, stream=stream).values()) == [left]
    pair = await pair_of(bench)
    assert getattr(pair, failing).assigned_outcome == "upstream_error"
    assert pair.stable.outcome == "ok"  # the user was served
    if stream:
        assert answer.text.endswith("data: [DONE]\n\n")


@STREAMED
async def test_when_both_fail_the_client_gets_stables_error(bench, simulate, stream):
    await give(bench, simulate, both(BROKEN))
    answer = await bench.chat(stream=stream, headers=TWO)
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")
    assert answer.json()["error"]["code"] != "internal_error"
    assert (await pair_of(bench)).stable.outcome == "upstream_error"


async def test_a_choice_that_breaks_off_says_so_and_the_other_goes_on(bench, simulate):
    await give(bench, simulate, ANSWERS | {"candidate-model": CUT})
    answer = await bench.chat(stream=True, headers=TWO)
    pair = await pair_of(bench)
    place = pair.shown.index("candidate")
    ends = {
        choice["index"]: choice["finish_reason"]
        for event in events(answer.text)
        if event != "[DONE]"
        for choice in event["choices"]
        if choice.get("finish_reason")
    }
    assert ends == {place: "error", 1 - place: "stop"}
    assert texts(answer, stream=True)[1 - place] == "on its way"
    assert answer.text.endswith("data: [DONE]\n\n")
    assert (pair.candidate.outcome, pair.stable.outcome) == ("truncated", "ok")


@STREAMED
async def test_stables_answer_waits_for_the_candidates_no_longer_than_its_patience(bench, simulate, stream):
    sim = await give(bench, simulate, ANSWERS | {"candidate-model": HANG}, interleaved(patience=0.05))
    answer = await bench.chat(stream=stream, headers=TWO)
    assert list(texts(answer, stream=stream).values()) == ["on its way"]
    pair = await pair_of(bench)
    assert (pair.candidate.outcome, pair.candidate.assigned_outcome) == ("timeout", "timeout")
    await until(lambda: sim.stats()["aborted"] == 1)


async def test_a_candidate_that_fails_in_a_row_is_asked_no_more(bench, simulate):
    sim = await give(bench, simulate, ANSWERS | {"candidate-model": BROKEN}, interleaved(of={"cutoff_failures": 2}))
    for _ in range(4):
        answer = await bench.chat(headers=TWO)
        assert list(texts(answer, stream=False).values()) == ["on its way"]
    assert Counter(request.model for request in sim.requests) == {"stable-model": 4, "candidate-model": 2}
    assert [cutoff.variant for cutoff in bench.gateway.cutoffs()] == ["candidate"]


@pytest.mark.parametrize(
    ("stream", "behaviour", "heard"),
    [
        (False, {"first_token_seconds": 30.0}, b""),
        (True, HANG, b""),
        (True, {"answer": "one two three four five six", "token_seconds": 1.0}, b'"one'),
    ],
    ids=["whole", "before content", "mid-stream"],
)
async def test_a_client_that_leaves_cancels_both(bench, simulate, stream, behaviour, heard):
    sim = await give(bench, simulate, both(behaviour))
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port)
    content = msgspec.json.encode(chat_body(stream=stream))
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n"
        b"x-tidegate-choices: 2\r\ncontent-length: %d\r\n\r\n%b" % (KEY.encode(), len(content), content)
    )
    await until(lambda: len(sim.requests) == 2)
    if heard:
        await reader.readuntil(heard)
    writer.close()
    await until(lambda: sim.stats()["aborted"] == 2)
    rows = await bench.observations.after(2)
    assert {row.outcome for row in rows} == {"cancelled"}
    assert bench.gateway.in_flight_by_version() == {}
    assert bench.gateway.mirrors.in_flight == 0
    assert bench.gateway.cutoffs() == ()


async def test_the_end_of_the_release_leaves_the_user_with_stables_answer(bench, simulate):
    sim = await give(bench, simulate, ANSWERS | {"candidate-model": HANG})
    asking = asyncio.create_task(bench.chat(headers=TWO))
    await until(lambda: len(sim.requests) == 2)
    bench.publish(service())
    answer = await asking
    assert list(texts(answer, stream=False).values()) == ["on its way"]
    assert (await pair_of(bench)).candidate.outcome == "cancelled"


async def test_a_slow_reader_holds_both_upstreams_until_it_catches_up(bench, simulate, monkeypatch):
    paused, resumed = set(), set()
    for known, name in ((paused, "pause"), (resumed, "resume")):
        really = getattr(UpstreamResponse, name)
        noted = lambda response, known=known, really=really: (known.add(id(response)), really(response))[1]  # noqa: E731
        monkeypatch.setattr(UpstreamResponse, name, noted)
    word = "y" * 20_000
    sim = await give(bench, simulate, both({"answer": " ".join([word] * 400)}))
    reader, writer = await _slow_reader(bench.server.port)
    await until(lambda: len(paused) == 2)
    assert sim.stats()["concurrent"] == 2
    whole = b""
    while piece := await reader.read(1 << 20):
        whole += piece
    writer.close()
    assert resumed == paused
    for place in (b"0", b"1"):
        assert whole.count(b'"index":%b,"delta":{"content":"' % place) >= 400
    assert whole.count(b'"finish_reason":"stop"') == 2
    assert whole.count(word.encode()) == 800
    assert whole.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


async def _slow_reader(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that asked for two streamed answers, has next to no buffers and reads nothing yet."""
    channel = socket.socket()
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    channel.setblocking(False)
    await asyncio.get_running_loop().sock_connect(channel, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=channel, limit=4_096)
    content = msgspec.json.encode(chat_body(stream=True))
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\nconnection: close\r\n"
        b"x-tidegate-choices: 2\r\ncontent-length: %d\r\n\r\n%b" % (KEY.encode(), len(content), content)
    )
    return reader, writer


PLAIN_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "odd"}, "finish_reason": "stop"}
ODD_ANSWERS = {
    "a usage that is none": {"usage": "many"},
    "counts beyond all bounds": {"usage": {"prompt_tokens": 2**63, "completion_tokens": -1, "total_tokens": True}},
    "what nobody promised": {"citations": [1], "choices": [PLAIN_CHOICE | {"native_finish_reason": "eos"}]},
    "a choice that says nothing": {"choices": [{"index": 0, "finish_reason": "stop"}]},
}
VARIANTS = (("stable", 10_000), ("candidate", 0))


@pytest.mark.parametrize("side", ["stable", "candidate"])
@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
async def test_no_oddity_of_an_answer_fails_the_other_one(bench, simulate, side, answer):
    bench.provide("sim", await simulate(ANSWERS))
    async with json_endpoint() as odd:
        body = {"id": "x", "object": "chat.completion", "model": "secret", "choices": [PLAIN_CHOICE], **answer}
        odd.answers["/v1/chat/completions"] = (200, body)
        bench.provide("odd", odd.url)
        arms = [variant(name, weight, provider="odd" if name == side else "sim") for name, weight in VARIANTS]
        bench.publish(service(*arms, release=release(mirroring=Mirroring(share=10_000, patience=60.0))))
        got = await bench.chat(headers=TWO)
    assert got.status_code == 200
    assert set(got.json()) <= {"id", "object", "created", "model", "choices", "usage"}
    is_void = "message" not in body["choices"][0]
    pair = await pair_of(bench)
    assert len(texts(got, stream=False)) == (1 if is_void else 2)
    assert ("upstream_error" in (pair.stable.assigned_outcome, pair.candidate.assigned_outcome)) is is_void
    assert getattr(pair, side).assigned_outcome == ("upstream_error" if is_void else "ok")
    assert pair.stable.outcome == "ok"


async def test_both_texts_are_kept_where_the_service_keeps_content(bench, simulate):
    policy = ContentPolicy(sample=10_000, redact=False, keep_seconds=60)
    await give(bench, simulate, ANSWERS, interleaved(content=policy))
    answer = await bench.chat(headers=TWO)
    await pair_of(bench)
    bench.gateway.content.finish()
    await until(lambda: len(_kept(bench)) == 2)
    request_id = answer.headers["x-request-id"]
    assert _kept(bench) == {request_id: "on its way", copy_id(request_id): "on its way home"}


async def test_what_it_costs_is_bounded_as_a_mirrors_copies_are(bench, simulate):
    mirroring = Mirroring(share=10_000, patience=60.0, max_cost=1)
    route = service(variant("stable"), variant("candidate", 0), release=release(mirroring=mirroring))
    sim = await give(bench, simulate, ANSWERS, route)
    answer = await bench.chat(headers=TWO)
    assert list(texts(answer, stream=False).values()) == ["on its way"]
    assert len(sim.requests) == 1
    (spending,) = bench.gateway.mirror_spending()
    assert (spending.cost, spending.step) == (0, 3)


def _kept(bench: Bench) -> dict[str, str]:
    _ = bench.observations.pairs
    return {each.request_id: each.answer for each in bench.observations.others if isinstance(each, ContentRecord)}


async def test_what_users_see_is_not_told_apart_as_the_cost_of_copies(bench, simulate):
    await give(bench, simulate, ANSWERS)
    await bench.chat(headers=TWO)
    await pair_of(bench)
    (totals,) = bench.gateway.mirrors.totals.values()
    assert (totals.cost, totals.results["pair"]) == (0, 1)
    ((_, tally),) = bench.gateway.mirrors.tallies()
    assert tally.cost > 0  # which is what bounds it


def limit(bench: Bench, **limits: int):
    """The key's limits, under the same table."""
    own = AccessKey(name="shop", sha256=sha256(KEY.encode()).hexdigest(), limits=KeyLimits(**limits))
    bench.publish(interleaved(), keys=(own,))
    return bench.gateway.limiters.of("shop")


async def test_the_second_answer_is_reserved_and_paid_for_as_a_request_of_its_own(bench, simulate):
    await give(bench, simulate, ANSWERS)
    limiter = limit(bench, concurrent=2, budget_per_day=10**12)
    assert (await bench.chat(headers=TWO)).headers["x-tidegate-choices"] == "2"
    rows = await bench.observations.after(2)
    await until(lambda: limiter.in_flight == 0)
    assert (limiter.day.spent, limiter.day.reserved) == (sum(row.cost_nano_usd for row in rows), 0)
    assert all(row.cost_nano_usd > 0 for row in rows)


async def test_a_key_without_room_for_two_gets_one_answer_and_is_not_refused(bench, simulate):
    await give(bench, simulate, ANSWERS)
    limiter = limit(bench, concurrent=1)
    answer = await bench.chat(headers=TWO)
    assert (answer.status_code, "x-tidegate-choices" in answer.headers) == (200, False)
    assert limiter.refused == {}
    (totals,) = bench.gateway.mirrors.totals.values()
    assert totals.results == {"key_limits": 1}


async def test_a_client_that_leaves_takes_both_reservations_with_it(bench, simulate):
    await give(bench, simulate, both(HANG))
    limiter = limit(bench, concurrent=4, budget_per_day=10**12)
    waiting = asyncio.create_task(bench.chat(headers=TWO))
    await until(lambda: limiter.in_flight == 2)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await until(lambda: limiter.in_flight == 0)
    assert limiter.day.reserved == 0
