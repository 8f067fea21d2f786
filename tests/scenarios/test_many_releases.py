"""A pass over many releases reads no more often than a pass over a few, and judges each guardrail once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.fakes.json_endpoint import json_endpoint
from tests.scenarios.half_way import half_way, release_id
from tests.scenarios.world import World

from tidegate.delivery.evidence import analysis
from tidegate.delivery.release_file import parse_release


async def start(world: World, name: str) -> None:
    """A canary of ``name`` in its first step, with traffic in both arms."""
    await world.service(name, "1.0.0", "1.1.0")
    submitted = await world.release(
        name,
        "v1.1.0",
        strategy={"canary": {"steps": [{"split": "50%", "soak": "1h"}]}},
        analysis={"interval": "1s", "min_samples": 10},
        guardrails=[
            {"metric": "error_rate", "max_increase": "5%", "hard": "> 50%"},
            {"metric": "latency", "max_increase": "50%"},
        ],
    )
    await world.until(submitted.id, "progressing.soaking")
    await world.gateways[0].serve(name, 40)


async def work_of_a_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """(reads of the databases, evaluations of guardrails) of one pass in which every release is judged."""
    reads, judged = [], []
    engines = [database.engine.sync_engine for database in (world.control.state, world.control.observed)]

    def executed(_connection, _cursor, statement, *_rest):
        if statement.lstrip().upper().startswith("SELECT"):
            reads.append(statement)

    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", executed)
    plain = analysis._judge_counts
    monkeypatch.setattr(analysis, "_judge_counts", lambda *given: judged.append(given[0]) or plain(*given))
    world.clock.advance(timedelta(seconds=1))
    world.beat()
    await world.control.controller.reconcile()
    for engine in engines:
        sa.event.remove(engine, "before_cursor_execute", executed)
    monkeypatch.undo()
    return len(reads), len(judged)


async def test_reads_stay_and_evaluations_grow_with_the_releases(world, monkeypatch):
    await start(world, "one")
    few = await work_of_a_pass(world, monkeypatch)
    for n in range(5):
        await start(world, f"more-{n}")
    await world.control.controller.reconcile()
    many = await work_of_a_pass(world, monkeypatch)
    assert (few[1], many[1]) == (2, 12)
    assert many[0] - few[0] <= 5  # one for each release whose state is written, none to gather or decide


METRICS = [{"metric": "error_rate", "hard": "> 20%"}, {"metric": "latency", "max_increase": "50%"}]


@pytest.mark.slow
async def test_one_hanging_source_among_five_hundred_releases_delays_no_other_rollback(world):
    """The endpoint never answers, so whatever waited for it would wait for ever."""
    async with json_endpoint() as endpoint:
        endpoint.answers["/gpu"] = None
        gpu = {"metric": "gpu_util", "source": {"http": f"{endpoint.url}/gpu"}, "hard": "> 95"}
        strategy = {"canary": {"steps": [{"split": "50%", "soak": "1d"}]}}
        common = {"version": "v1.1.0", "strategy": strategy, "analysis": {"interval": "1s", "min_samples": 10}}
        common["rollback"] = {"deadline": "10d"}
        documents = [{"service": f"bot-{n}", "guardrails": METRICS, **common} for n in range(500)]
        documents[250]["guardrails"] = [gpu, *METRICS]
        await half_way(world, [parse_release(each) for each in documents])
        await world.control.controller.reconcile()
        while not endpoint.seen:
            await asyncio.sleep(0)
        bad = release_id(499)  # the last of all
        await world.gateways[0].serve("bot-499", 60, fails=lambda version: "v1.1.0" in version)
        world.clock.advance(timedelta(seconds=1))
        world.beat()
        await world.control.controller.reconcile()
        world.beat()
        assert (await world.look(bad)).phase == "rolling_back"
        assert world.weights("bot-499") == {"bot-499/v1.0.0-00000000": 10_000}
        hanging = await world.look(release_id(250))
        assert (hanging.phase, len(endpoint.seen)) == ("progressing", 1)
