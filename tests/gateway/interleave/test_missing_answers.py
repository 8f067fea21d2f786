"""When one of two answers is missing, odd, late or not wanted any more, the other is not the worse for it."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import msgspec
import pytest
from tests.fakes.json_endpoint import json_endpoint
from tests.gateway.gateway_bench import KEY, chat_body, events, release, service, until, variant
from tests.gateway.interleave.both_answers import (
    ANSWERS,
    BROKEN,
    CUT,
    HANG,
    STREAMED,
    TWO,
    both,
    give,
    interleaved,
    pair_of,
    texts,
)

from tidegate.delivery.mirroring import Mirroring
from tidegate.gateway.http.upstream_response import UpstreamResponse


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
