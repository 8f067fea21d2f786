"""Gates before traffic: what passes, what rejects, and what hangs, crashes or is aborted meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx2
import msgspec
import pytest
from tests.scenarios.surroundings import SURROUNDED, python
from tests.scenarios.world import ALICE, World

from tidegate.errors import InvalidInputError


@pytest.fixture
def world_settings():
    return SURROUNDED


async def test_a_release_whose_gates_pass_goes_on_and_shows_what_they_said(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    world.outside = lambda _: httpx2.Response(200, json={"score": 0.9, "n": 200})
    gates = [
        {"command": python("print(dict(score=1))"), "name": "smoke"},
        {"http": "https://eval.example/run", "score": ">= 0.82", "min_samples": 100},
    ]
    submitted = await world.release("bot", "v1.1.0", bake="2s", gates=gates)
    await world.until(submitted.id, "succeeded")
    told = await world.look(submitted.id)
    assert [(gate.name, gate.verdict, gate.score) for gate in told.gates] == [
        ("smoke", "pass", None),
        ("http gate 2", "pass", 0.9),
    ]
    assert await world.stable("bot") == new
    assert (await world.codes(submitted.id)).count("gate_passed") == 2
    assert msgspec.json.decode(world.told[0].content)["version"] == new


@pytest.mark.parametrize(
    ("score", "code"), [("print(1)", "gate_without_score"), ("import sys; sys.exit(2)", "gate_failed")]
)
async def test_a_gate_that_does_not_pass_rejects_and_no_user_was_served(world, score, code):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    gates = [{"command": python(score), "score": ">= 0.5"}]
    submitted = await world.release("bot", "v1.1.0", gates=gates)
    await world.until(submitted.id, "rejected")
    assert (await world.look(submitted.id)).gates[0].code == code
    assert world.weights("bot") == {old: 10_000}
    assert world.probed == []  # nothing was spent on warming it up


async def test_an_abort_ends_the_program_that_a_gate_runs(world, tmp_path):
    await world.service("bot", "1.0.0", "1.1.0")
    marker = tmp_path / "running"
    code = f"import time; open('{marker}', 'w').close(); time.sleep(600)"
    submitted = await world.release("bot", "v1.1.0", gates=[{"command": python(code)}])
    for _ in range(8):  # no settling: the gate does not end by itself
        await world.control.controller.reconcile()
        world.beat()
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        while not marker.exists():
            await asyncio.sleep(0.01)
    await world.control.operations.command(submitted.id, "abort", actor=ALICE)
    await world.settle()  # would wait for ever for a program that was left running
    assert (await world.look(submitted.id)).phase == "rejected"


async def test_a_crash_while_gates_are_asked_asks_only_what_was_not_answered(world, tmp_path):
    await world.service("bot", "1.0.0", "1.1.0")
    asked = tmp_path / "asked"
    code = f"import sys; open('{asked}', 'a').write(sys.argv[1])"
    gates = [{"command": f"{python(code)} a"}, {"command": f"{python(code)} b"}]
    submitted = await world.release("bot", "v1.1.0", bake="2s", gates=gates)
    for _ in range(40):
        if len((await world.look(submitted.id)).gates) and (await world.look(submitted.id)).gates[0].verdict:
            break
        await world.control.controller.reconcile()
        await world.control.effects.settle()
        world.beat()
    await world.restart()
    await world.until(submitted.id, "succeeded")
    assert asked.read_text().count("a") == 1
    assert asked.read_text().count("b") >= 1


async def test_where_programs_are_not_enabled_a_release_that_names_one_is_refused(tmp_path):
    world = await World.create(tmp_path)
    await world.service("bot", "1.0.0", "1.1.0")
    with pytest.raises(InvalidInputError) as caught:
        await world.release("bot", "v1.1.0", gates=[{"command": "true"}])
    assert caught.value.code == "commands_disabled"
    await world.close()


async def test_a_gate_that_hangs_delays_no_other_release(world):
    await world.service("bot", "1.0.0", "1.1.0")
    await world.service("shop", "1.0.0", "1.1.0")
    hanging = asyncio.Event()

    class Hanging:
        async def ask(self, question):
            await hanging.wait()

    world.control.effects._gates._kinds["http"] = Hanging()
    stuck = await world.release("bot", "v1.1.0", gates=[{"http": "https://eval.example/"}])
    good = await world.release("shop", "v1.1.0", bake="1s")
    for _ in range(60):
        await world.control.controller.reconcile()
        await asyncio.gather(*world.control.effects._running.values())
        world.beat()
        if (await world.look(good.id)).phase == "succeeded":
            break
        world.clock.advance(timedelta(seconds=0.5))
    assert (await world.look(good.id)).phase == "succeeded"
    assert (await world.look(stuck.id)).phase == "gating"
    await world.control.effects._gates.stop()
