"""What a release's gates say is attached to the version, once, whatever becomes of the release."""

from __future__ import annotations

from datetime import timedelta

import httpx2
from tests.scenarios.world import World

from tidegate.delivery.gate_spec import GateSpec
from tidegate.delivery.quantities import Seconds
from tidegate.delivery.service import ServiceSpec
from tidegate.registry.services import put_service


async def test_a_gate_that_rejects_a_release_is_recorded_at_its_version(tmp_path):
    world = await World.create(tmp_path)
    world.outside = lambda _: httpx2.Response(200, json={"score": 0.4, "n": 50})
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    gate = {"http": "https://eval.example/run", "name": "offline", "score": ">= 0.8"}
    submitted = await world.release("bot", "v1.1.0", gates=[gate])
    await world.until(submitted.id, "rejected")
    (found,) = await world.control.evaluating.evaluations("bot", new, before=None, limit=10)
    assert (found.name, found.kind, found.release, found.attempt) == ("offline", "http", submitted.id, 1)
    assert (found.verdict, found.score, found.samples, found.is_under_way) == ("fail", 0.4, 50, False)
    await world.close()


async def test_an_evaluation_whose_process_died_is_no_data_once_its_time_is_over(tmp_path):
    world = await World.create(tmp_path)
    (ref,) = await world.service("bot", "1.0.0")
    await declare_suite(world)
    begun = await world.control.state.transact(
        lambda connection: world.control.evaluating.begin(connection, ref, "slow", actor="alice")
    )
    await world.restart()
    assert (await world.control.evaluating.evaluation(begun.id)).is_under_way
    world.clock.advance(timedelta(minutes=2))
    found = await world.control.evaluating.evaluation(begun.id)
    assert (found.is_under_way, found.verdict, found.code) == (False, "no_data", "gate_unanswered")
    await world.close()


async def declare_suite(world: World) -> None:
    spec = ServiceSpec(suites={"slow": GateSpec(http="https://eval.example/run", timeout=Seconds(30))})
    async with world.control.state.write() as connection:
        await put_service(connection, "bot", spec, actor="test", at=world.clock.now())
