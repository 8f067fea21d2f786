"""Who is told of a release, once, and never at the cost of a rollback."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from tests.scenarios.surroundings import SURROUNDED, deliver
from tests.scenarios.world import cutoff


@pytest.fixture
def world_settings():
    return SURROUNDED


async def test_a_hook_hears_of_a_rollback_once_though_control_crashes_before_it_is_marked_sent(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[0].cutoffs = (cutoff(submitted.id, "bot"),)
    await world.until(submitted.id, "rolled_back")
    real = world.control.notifier._database.transact

    async def die(_work):
        raise asyncio.CancelledError

    world.control.notifier._database.transact = die
    with pytest.raises(asyncio.CancelledError):
        await world.control.notifier.deliver_due("hook")
    world.control.notifier._database.transact = real
    await world.restart()
    told = await deliver(world)
    assert [each["event"] for each in told] == ["started", "started", "rolling_back", "rolled_back"] or [
        each["event"] for each in told
    ] == ["started", "started", "progressed", "rolling_back", "rolled_back"]
    assert len({each["id"] for each in told}) == len(told) - 1  # the repetition is known by its id
    assert told[-2]["trigger"] == "cut_off"
    assert all("webhook-signature" in request.headers for request in world.told)


async def test_a_hanging_hook_delays_no_rollback(world):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    hanging = asyncio.Event()

    class Hanging:
        name = "hook"

        async def deliver(self, row):
            await hanging.wait()

    world.control.notifier._sinks.sink = lambda name: Hanging()
    telling = asyncio.create_task(world.control.notifier.run())
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[0].cutoffs = (cutoff(submitted.id, "bot"),)
    await world.settle()
    assert (await world.look(submitted.id)).phase == "rolled_back"
    assert world.weights("bot") == {old: 10_000}
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


async def test_a_releases_own_hook_hears_what_it_asked_for(world):
    await world.service("bot", "1.0.0", "1.1.0")
    own = [{"webhook": "https://mine.example/", "events": ["promoted"]}]
    submitted = await world.release("bot", "v1.1.0", bake="2s", notify=own)
    await world.until(submitted.id, "succeeded")
    assert await world.control.notifier.deliver_due(f"{submitted.id}/0")
    (request,) = [each for each in world.told if each.url.host == "mine.example"]
    assert msgspec.json.decode(request.content)["event"] == "promoted"
