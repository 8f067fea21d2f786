"""What is kept of prompts and answers, by policy; and that nothing is where no policy says so."""

from __future__ import annotations

import msgspec
import pytest
from tests.gateway.gateway_bench import OPERATOR_KEY, Bench, StartSimulator, canary, chat_body, service, variant

from tidegate.delivery.records import ContentRecord
from tidegate.delivery.snapshot import ContentPolicy
from tidegate.delivery.traffic import subject_hash
from tidegate.gateway import content as module
from tidegate.gateway import transcript
from tidegate.gateway.content import is_sampled
from tidegate.gateway.transcript import Allowance, Transcript
from tidegate.wire.prompt_text import Turn

EVERYTHING = ContentPolicy(sample=10_000, redact=False, keep_seconds=60)
REDACTED = ContentPolicy(sample=10_000, redact=True, keep_seconds=60)


@pytest.fixture
async def door(bench: Bench, simulate: StartSimulator) -> Bench:
    models = {"stable-model": {"answer": "Write to help@acme.example, please."}}
    bench.provide("sim", await simulate(models))
    bench.provide("ant", await simulate(models), dialect="anthropic")
    bench.publish(service(content=EVERYTHING))
    return bench


async def kept(door: Bench, count: int = 1) -> list[ContentRecord]:
    await door.observations.after(count)
    door.gateway.content.finish()
    batch = door.gateway.records.take()
    return list(batch.decoded()) if batch is not None else []


async def ask(door: Bench, text: str = "hello", **body):
    body = chat_body(messages=[{"role": "user", "content": text}], **body)
    answer = await door.client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("stream", [False, True])
async def test_prompt_and_answer_are_kept_as_text(door, stream):
    answer = await ask(door, stream=stream, user="jane")
    (record,) = await kept(door)
    assert record.request_id == answer.headers["x-request-id"]
    assert record.prompt == (Turn("user", "hello"),)
    assert record.answer == "Write to help@acme.example, please."
    assert (record.service, record.version, record.is_cut, record.is_redacted) == (
        "bot",
        "bot/v1.0.0-aaaaaaaa",
        False,
        False,
    )
    row = door.observations.only
    assert (record.unit_hash, record.user_hash) == (row.unit_hash, subject_hash("s", "jane"))
    assert record.keep_seconds == 60


@pytest.mark.parametrize("stream", [False, True])
async def test_an_anthropic_answer_is_kept_as_its_text(door, stream):
    door.publish(service(variant(provider="ant"), content=EVERYTHING))
    body = {"model": "bot", "max_tokens": 50, "system": "Be kind.", "messages": [{"role": "user", "content": "hi"}]}
    await door.client.post("/v1/messages", json=body | {"stream": stream}, headers={"anthropic-version": "2023-06-01"})
    (record,) = await kept(door)
    assert record.prompt == (Turn("system", "Be kind."), Turn("user", "hi"))
    assert record.answer == "Write to help@acme.example, please."


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_to_be_redacted_leaves_the_gateway_redacted(door, stream):
    door.publish(service(content=REDACTED))
    await ask(door, "I am jane@example.org, call +49 30 901820", stream=stream)
    await door.observations.after(1)
    door.gateway.content.finish()
    batch = door.gateway.records.take()
    assert b"jane@example.org" not in b"".join(map(bytes, batch.records))
    (record,) = batch.decoded()
    assert record.is_redacted
    assert (record.prompt[0].text, record.answer) == ("I am [email], call [phone]", "Write to [email], please.")


async def test_nothing_is_kept_without_a_policy(door):
    door.publish(service())
    await ask(door)
    assert await kept(door) == []


async def test_what_nobody_answered_and_what_an_operator_forced_is_not_kept(door, closed_port):
    headers = {"x-tidegate-force-version": "stable", "authorization": f"Bearer {OPERATOR_KEY}"}
    assert (await door.chat(headers=headers)).status_code == 200
    assert (await door.client.post("/v1/chat/completions", json={"model": "bot", "n": "x"})).status_code == 400
    door.provide("sim", closed_port)
    door.publish(service(content=EVERYTHING))
    assert (await door.chat()).status_code == 502
    assert await kept(door, 2) == []


@pytest.mark.parametrize("stream", [False, True])
async def test_after_a_rescue_the_answer_kept_is_the_one_the_client_got(door, simulate, stream):
    cut = {"kind": "truncate", "by": "chunk", "after_tokens": 0}
    door.provide("bad", await simulate({"candidate-model": {"faults": [cut]}}))
    door.publish(msgspec.structs.replace(canary(candidate={"provider": "bad"}), content=EVERYTHING))
    await ask(door, stream=stream)
    (record,) = await kept(door)
    assert (record.answer, record.version) == ("Write to help@acme.example, please.", "bot/v1.0.0-aaaaaaaa")


async def test_a_long_answer_and_a_long_prompt_are_told_to_be_cut(door, monkeypatch):
    monkeypatch.setattr(transcript, "MOST_ANSWER_BYTES", 100)
    await ask(door, stream=True)
    monkeypatch.undo()
    monkeypatch.setattr(module, "MOST_PROMPT_BYTES", 10)
    await ask(door)
    cut_answer, cut_prompt = await kept(door, 2)
    assert (cut_answer.is_cut, cut_prompt.is_cut, cut_prompt.prompt) == (True, True, ())
    assert cut_prompt.answer == "Write to help@acme.example, please."


async def test_everything_held_together_is_bounded_and_given_back(door):
    await ask(door, stream=True)
    await ask(door)
    keeper = door.gateway.content
    await kept(door, 2)
    assert keeper._allowance.held == 0
    keeper._allowance.most = 10  # no room for a prompt
    await ask(door)
    assert (await kept(door, 3), keeper.dropped, keeper._allowance.held) == ([], 1, 0)


def test_the_sample_is_a_share_of_ids_and_the_same_for_everybody():
    ids = [f"req_{number}" for number in range(20_000)]
    chosen = [each for each in ids if is_sampled(each, 500)]
    assert 800 < len(chosen) < 1200
    assert set(chosen) <= {each for each in ids if is_sampled(each, 1_000)}
    assert not any(is_sampled(each, 0) for each in ids)
    assert all(is_sampled(each, 10_000) for each in ids)


def test_an_attempt_that_begins_forgets_what_the_one_before_it_left():
    allowance = Allowance(100)
    noted = Transcript(allowance)
    first = noted.follow(lambda data: data)
    first(b"half an ans")
    second = noted.follow(lambda data: data.upper())
    assert second(b"whole") == b"WHOLE"
    assert (bytes(noted), allowance.held) == (b"WHOLE", 5)
    second(b"x" * 200)
    assert (bytes(noted), noted.is_cut, allowance.held) == (b"WHOLE", True, 5)
    noted.clear()
    assert allowance.held == 0
