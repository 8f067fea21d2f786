"""Approvals within a release: who gives them, in which role, and what happens without."""

from __future__ import annotations

import pytest
from tests.scenarios.surroundings import APPROVED, LOOSE, MANAGER, SURROUNDED, deliver, serve_all

from tidegate.controller.intents import Actor
from tidegate.registry.versions import get_version


@pytest.fixture
def world_settings():
    return SURROUNDED


async def test_an_approval_is_recorded_with_who_gave_it_and_in_which_role(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", strategy=APPROVED, analysis=LOOSE)
    await world.until(submitted.id, "progressing.waiting", each=lambda: serve_all(world))
    refused = Actor(name="eve", roles=("approver",))
    await world.control.operations.command(submitted.id, "approve", actor=refused)
    await world.settle()
    assert (await world.look(submitted.id)).sub_phase == "waiting"
    assert "role_missing" in await world.codes(submitted.id)
    await world.control.operations.command(submitted.id, "approve", actor=MANAGER, reason="numbers look good")
    await world.settle()
    (approval,) = (await world.look(submitted.id)).approvals
    assert (approval.actor, approval.role, approval.reason) == ("mary", "release-manager", "numbers look good")
    assert "awaiting_approval" in [told["event"] for told in await deliver(world)]


@pytest.mark.parametrize(("policy", "phase"), [("rollback", "rolled_back"), ("pause", "progressing")])
async def test_an_approval_that_does_not_come_in_time(world, policy, phase):
    await world.service("bot", "1.0.0", "1.1.0")
    steps = [{"split": "20%", "soak": "2s"}, {"approve": "release-manager", "timeout": "10s", "on_timeout": policy}]
    submitted = await world.release(
        "bot",
        "v1.1.0",
        strategy={"canary": {"steps": steps}},
        analysis=LOOSE | {"max_extensions": 30},
        rollback={"max_paused": "30s"},
    )
    await world.until(submitted.id, "progressing.waiting", each=lambda: serve_all(world))
    await world.advance(12)
    seen = await world.look(submitted.id)
    assert seen.phase == phase
    async with world.control.state.read() as connection:
        assert (await get_version(connection, submitted.version)).unstable is None  # nobody's silence is its fault
    if policy == "pause":
        assert seen.pause_reasons == ("await_approval", "step_pause")
        await world.control.operations.command(submitted.id, "approve", actor=MANAGER)
        await world.settle()
        assert (await world.look(submitted.id)).phase == "promoting"  # late is still in time
