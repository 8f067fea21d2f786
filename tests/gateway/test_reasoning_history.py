"""What was reasoned goes back to its maker and to nobody else, whoever is asked and why.

Both models sign what they think, and refuse a history with anything that the other has signed, as vendors do.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.gateway.conversations import DOORS, Door, History
from tests.gateway.gateway_bench import KEY, Bench, canary, release, service, until, variant

from tidegate.delivery.mirroring import Mirroring
from tidegate.simulator import Simulator
from tidegate.simulator.signed_reasoning import signature_of
from tidegate.wire.insertion import Insertion
from tidegate.wire.reasoning.marks import OPENING

QUESTION = {"role": "user", "content": "Why?"}
DOWN = [{"kind": "error", "status": 500}]
ANYHOW = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
AT_EACH_DOOR = pytest.mark.parametrize("name", DOORS)


class Models:
    """Stable's model and the candidate's, each at a provider of its own."""

    def __init__(self, bench: Bench, ours: Simulator, theirs: Simulator) -> None:
        self.bench = bench
        self.ours = ours
        self.theirs = theirs
        self._doors: list[Door] = []

    def open(self, name: str, *, stream: bool = False, **settings: Any) -> Door:
        """A door of a gateway where stable is asked first, and the other where that fails."""
        door = DOORS[name](self.bench.url, KEY, stream=stream)
        self._doors.append(door)
        self.bench.provide("sim", self.ours, door.dialect, **settings)
        self.bench.provide("other", self.theirs, door.dialect, **settings)
        self.to_stable()
        return door

    async def close(self) -> None:
        for door in self._doors:
            await door.close()

    def to_stable(self, **settings: Any) -> None:
        self.bench.publish(service(variant(fallbacks=("other/other-model",), **settings)))

    def to_candidate(self) -> None:
        self.bench.publish(canary(candidate={"provider": "other"}))


def thoughts_in(sim: Simulator) -> str:
    """The last history that a model saw."""
    return sim.requests[-1].raw_body.decode()


def own_signature(sim: Simulator, key: str) -> bool:
    """Whether the last history held what this model had signed, as it had signed it."""
    return json.dumps(signature_of(key, f"thought of {key}")) in thoughts_in(sim)


def has_reasoning(sim: Simulator) -> bool:
    said = thoughts_in(sim)
    return "thought of" in said or "signature" in said or "reasoning" in said or OPENING.decode() in said


@pytest.fixture
async def models(bench: Bench, simulate: Callable[..., Any]) -> AsyncIterator[Models]:
    def behaviour(key: str) -> dict[str, Any]:
        return {"answer": f"answer of {key}", "reasoning": f"thought of {key}", "signing_key": key}

    ours = await simulate({"stable-model": behaviour("ours")})
    theirs = await simulate({name: behaviour("theirs") for name in ("candidate-model", "other-model")})
    made = Models(bench, ours, theirs)
    yield made
    await made.close()


@ANYHOW
@AT_EACH_DOOR
async def test_the_maker_gets_back_what_it_signed(models, name, stream):
    door, history = models.open(name, stream=stream), [QUESTION]
    for _ in range(2):
        await door.turn(history)
        assert OPENING.decode() in json.dumps(history)
        history.append(QUESTION)
        await door.turn(history)
        assert own_signature(models.ours, "ours")
        assert OPENING.decode() not in thoughts_in(models.ours)
    assert not models.theirs.requests


@ANYHOW
@AT_EACH_DOOR
async def test_a_fallback_gets_no_trace_of_it_and_the_answer_is_whole(models, name, stream):
    door, history = models.open(name, stream=stream), [QUESTION]
    await door.turn(history)
    models.ours.patch("stable-model", faults=DOWN)
    history.append(QUESTION)
    await door.turn(history)
    assert "answer of theirs" in json.dumps(history[-1])
    assert not has_reasoning(models.theirs)
    assert "answer of ours" in thoughts_in(models.theirs)


@ANYHOW
@AT_EACH_DOOR
async def test_a_candidate_goes_on_with_what_stable_began(models, name, stream):
    door, history = models.open(name, stream=stream), [QUESTION]
    await door.turn(history)
    models.to_candidate()
    history.append(QUESTION)
    await door.turn(history)
    assert "answer of theirs" in json.dumps(history[-1])
    assert not has_reasoning(models.theirs)
    row = (await models.bench.observations.after(2))[-1]
    assert (row.outcome, row.served, row.attempts) == ("ok", "candidate", 1)


@ANYHOW
@AT_EACH_DOOR
async def test_the_rescue_of_a_candidate_gets_no_trace_and_later_each_gets_its_own(models, name, stream):
    door, history = models.open(name, stream=stream), [QUESTION]
    models.to_candidate()
    await door.turn(history)
    models.theirs.patch("candidate-model", faults=DOWN)
    history.append(QUESTION)
    await door.turn(history)
    assert "answer of ours" in json.dumps(history[-1])
    assert not has_reasoning(models.ours)
    models.theirs.patch("candidate-model", faults=[])
    history.append(QUESTION)
    await door.turn(history)
    assert own_signature(models.theirs, "theirs")
    assert not own_signature(models.theirs, "ours")
    assert "answer of ours" in thoughts_in(models.theirs)


@AT_EACH_DOOR
async def test_unsigned_reasoning_goes_to_whom_the_request_is_sent_first_and_to_nobody_else(models, name):
    door = models.open(name)
    for sim in (models.ours, models.theirs):
        for model in sim.scenario.models:
            sim.patch(model, signing_key="")
    history: History = [QUESTION, *unsigned(name), QUESTION]
    await door.turn(history)
    assert "an old thought" in thoughts_in(models.ours)
    models.ours.patch("stable-model", faults=DOWN)
    history.append(QUESTION)
    await door.turn(history)
    assert not has_reasoning(models.theirs)
    assert "an old answer" in thoughts_in(models.theirs)


def unsigned(name: str) -> History:
    """A turn that was there before any gateway was."""
    if name == "messages":
        thinking = {"type": "thinking", "thinking": "an old thought", "signature": "c2ltdWxhdGVk"}
        return [{"role": "assistant", "content": [thinking, {"type": "text", "text": "an old answer"}]}]
    if name == "chat":
        return [{"role": "assistant", "content": "an old answer", "reasoning_content": "an old thought"}]
    summary = [{"type": "summary_text", "text": "an old thought"}]
    return [
        {"type": "reasoning", "id": "rs_1", "summary": summary},
        {"role": "assistant", "content": "an old answer"},
    ]


@AT_EACH_DOOR
async def test_a_copy_for_a_candidate_gets_no_trace_of_stables_reasoning(models, name, monkeypatch):
    monkeypatch.setattr("tidegate.gateway.mirror.pulse.BUSY", 1e9)
    monkeypatch.setattr("tidegate.gateway.mirror.copying.LATEST_START", 30.0)
    door, history = models.open(name), [QUESTION]
    await door.turn(history)
    history += [*(unsigned(name) if name == "chat" else ()), QUESTION]
    candidate = variant("candidate", 0, provider="other")
    models.bench.publish(service(variant(), candidate, release=release(mirroring=Mirroring(share=10_000))))
    await door.turn(history)
    await until(lambda: len(models.bench.observations.pairs) == 1)
    assert own_signature(models.ours, "ours")
    assert not has_reasoning(models.theirs)
    assert models.bench.observations.pairs[0].candidate.outcome == "ok"


@ANYHOW
@AT_EACH_DOOR
@pytest.mark.parametrize("how", ["address", "name"])
async def test_accounts_of_one_maker_take_back_each_others_reasoning(models, name, stream, how):
    """Two keys at one address are one maker by themselves, two addresses by the name they are given."""
    if how == "address":
        models.ours.use(
            {"models": dict.fromkeys(("stable-model", "other-model"), models.theirs.scenario.models["other-model"])}
        )
        models.theirs = models.ours
        settings = {}
    else:
        models.ours.patch("stable-model", signing_key="theirs", reasoning="thought of theirs")
        settings = {"maker": "the fleet"}
    door, history = models.open(name, stream=stream, **settings), [QUESTION]
    await door.turn(history)
    models.ours.patch("stable-model", faults=DOWN)
    history.append(QUESTION)
    await door.turn(history)
    assert own_signature(models.theirs, "theirs")
    assert OPENING.decode() not in thoughts_in(models.theirs)


TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}}}


@ANYHOW
@pytest.mark.parametrize("is_settled", [False, True], ids=["by the client", "by the version"])
async def test_a_rescue_in_the_middle_of_a_tool_turn_goes_on_without_thinking(models, stream, is_settled):
    door, history = models.open("messages", stream=stream), [QUESTION]
    thinks = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    if is_settled:
        version = Insertion(model="stable-model", generation=thinks, overridable=("temperature",))
        models.to_stable(insertion=version)
    asked = {"tools": [TOOL], **({} if is_settled else thinks)}
    models.ours.patch("stable-model", tool_calls=[{"name": "look"}])
    await door.turn(history, **asked)
    call = history[-1]["content"][-1]
    history.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "42"}]})
    models.ours.patch("stable-model", faults=DOWN)
    await door.turn(history, **asked)
    assert "answer of theirs" in json.dumps(history[-1])
    assert not has_reasoning(models.theirs)
    assert models.theirs.requests[-1].body["thinking"] == {"type": "disabled"}


async def test_a_fallback_of_the_other_dialect_gets_no_trace_either(models):
    door, history = models.open("messages"), [QUESTION]
    await door.turn(history)
    models.bench.provide("other", models.theirs, "openai")
    models.to_stable()
    models.ours.patch("stable-model", faults=DOWN)
    history.append(QUESTION)
    await door.turn(history)
    assert "answer of theirs" in json.dumps(history[-1])
    assert not has_reasoning(models.theirs)


async def test_tokens_are_counted_of_what_the_maker_made(models):
    door, history = models.open("messages"), [QUESTION]
    await door.turn(history)
    answer = await models.bench.client.post("/v1/messages/count_tokens", json={"model": "bot", "messages": history})
    assert answer.status_code == 200
    assert own_signature(models.ours, "ours")


FORGED = "~tidegate.00000000.forged"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages", {"messages": [QUESTION, {"role": "assistant", "content": FORGED}, QUESTION]}),
        ("messages", {"messages": [QUESTION, {"role": "assistant", "content": [{"type": "text", "text": FORGED}]}]}),
        ("chat/completions", {"messages": [{"role": "assistant", "content": FORGED, "reasoning": FORGED}, QUESTION]}),
        ("chat/completions", {"messages": [{"role": "user", "content": FORGED, "reasoning_details": 7}]}),
        ("responses", {"input": FORGED}),
        ("responses", {"input": [{"role": "user", "content": FORGED}]}),
    ],
)
async def test_what_only_looks_like_a_mark_passes_as_it_was_sent(models, path, body):
    models.open("messages" if path == "messages" else "chat")
    asked = {"model": "bot", "max_tokens": 100, **body}
    answer = await models.bench.client.post(f"/v1/{path}", json=asked)
    assert answer.status_code == 200
    field = "input" if path == "responses" else "messages"
    assert models.ours.requests[-1].body[field] == body[field]


@pytest.mark.parametrize("twice", [b'"signature":"%b","signature":"%b"', b'"signature":"%b","\\u0073ignature":"%b"'])
async def test_a_signature_given_twice_is_refused_by_name(models, twice):
    door, history = models.open("messages"), [QUESTION]
    await door.turn(history)
    value = history[-1]["content"][0]["signature"].encode()
    body = json.dumps({"model": "bot", "max_tokens": 9, "messages": history}).encode()
    body = body.replace(b'"signature": "%b"' % value, twice % (value, value))
    answer = await models.bench.client.post("/v1/messages", content=body)
    assert answer.status_code == 400
    assert "twice" in answer.json()["error"]["message"]
