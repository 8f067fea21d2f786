"""Releases whose judge does not answer, answers nonsense, or may not be asked: no verdict is never a pass."""

from __future__ import annotations

import json

import httpx2
import pytest
from tests.fakes.observations import batch, observation
from tests.scenarios.world import ALICE, World

from tidegate.delivery.judging import JudgeSpec
from tidegate.delivery.records import ContentRecord, RecordBatch, encode_record
from tidegate.delivery.service import ContentSpec, ServiceSpec
from tidegate.registry.judges import put_judge
from tidegate.wire.prompt_text import Turn

SPLIT = {"canary": {"steps": [{"split": "50%", "soak": "5s"}, {"split": "60%", "soak": "1h"}]}}


@pytest.fixture
def world_settings():
    return {"gateways": 1}


def score(value: float) -> httpx2.Response:
    text = json.dumps({"score": value})
    return httpx2.Response(
        200,
        headers={"x-tidegate-version": "judge/v1.0.0-11111111"},
        json={"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]},
    )


async def declare(world: World, **fields) -> None:
    spec = JudgeSpec(**({"service": "judge", "rubric": "Is it kind?", "sample": 1.0, "lag": 0.0} | fields))
    async with world.control.state.write() as connection:
        await put_judge(connection, "kind", spec, actor="test", at=world.clock.now())


async def spend(world: World, nano_usd: int) -> None:
    now = int(world.clock.now().timestamp() * 1_000_000)
    row = observation(request_id="req_judge", service="judge", cost_nano_usd=nano_usd, started_at_us=now)
    await world.control.store(batch([row], boot_id="of-the-judge"))


async def judged_second(world: World) -> None:
    """Users are answered, what they were told is kept, and the judge is asked about it."""
    gateway = world.gateways[0]
    observed = gateway.observe("bot", 20)
    await world.control.store(observed)
    kept = [content_of(row) for row in observed.rows]
    await world.control.store_records(RecordBatch.of("g", "content", gateway.sequence, map(encode_record, kept)))
    await world.control.judging.judge()


def content_of(row) -> ContentRecord:
    return ContentRecord(
        request_id=row.request_id,
        at_us=row.started_at_us,
        service=row.service,
        version=row.version,
        unit_hash=row.unit_hash,
        prompt=(Turn("user", "hello"),),
        answer="What a lovely question.",
        keep_seconds=3_600,
    )


@pytest.mark.parametrize("trouble", ["down", "nonsense", "over its budget"])
async def test_without_a_judges_verdict_nothing_goes_on_and_with_it_everything_does(world, trouble):
    await world.service("judge", "1.0.0")
    await world.service("bot", "1.0.0", "1.1.0", spec=ServiceSpec(content=ContentSpec(keep="redacted", sample=1.0)))
    await declare(world, budget="1 USD/day")
    world.judge = lambda _: score(0.9)
    if trouble == "down":
        world.judge = lambda _: httpx2.Response(503)
    elif trouble == "nonsense":
        world.judge = lambda _: httpx2.Response(200, json={"choices": [{"message": {"content": "Kind enough!"}}]})
    else:
        await spend(world, 2_000_000_000)
    submitted = await world.release(
        "bot",
        "v1.1.0",
        strategy=SPLIT,
        guardrails=[{"metric": "judge:kind", "hard": "< 0.4"}, {"metric": "error_rate", "hard": "> 50%"}],
        analysis={"min_samples": 20, "interval": "1s", "on_no_data": "pause"},
    )
    await world.until(submitted.id, "progressing.soaking")
    await world.advance(8, lambda: judged_second(world))
    held = await world.look(submitted.id)
    assert (held.step, held.pause_reasons) == (0, ("no_data",))
    assert {v.metric: v.verdict for v in held.verdicts} == {"judge:kind": "no_data", "error_rate": "pass"}
    assert world.control.judging.standings["kind"].problem

    world.judge = lambda _: score(0.9)
    await declare(world, budget="5 USD/day")
    await world.control.operations.command(submitted.id, "resume", actor=ALICE, if_match=held.etag)
    await world.advance(8, lambda: judged_second(world))
    assert (await world.look(submitted.id)).step == 1
    assert world.control.judging.standings["kind"].problem == ""
