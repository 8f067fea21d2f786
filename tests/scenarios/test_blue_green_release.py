"""Blue-green: warmed up, switched at once, switched back at once while the old version is warm."""

import pytest
from tests.scenarios.world import ALICE, World, weights_over_time


async def blue_green(world: World, **promote: str):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    settings = {"warm_up": 3, "promote": {"bake": "5s", "keep_warm": "60s", **promote}}
    return old, new, await world.release("bot", "v1.1.0", strategy={"blue_green": settings})


async def test_it_is_warmed_up_switched_at_once_and_keeps_the_old_version_warm(world):
    old, new, submitted = await blue_green(world)
    seen, look = weights_over_time(world, "bot", new)
    await world.until(submitted.id, "draining", each=look)
    assert world.probed == [new] * 5  # two probes, three to warm up
    assert set(seen) <= {0, 10_000}
    route = world.control.publisher.current.services["bot"]
    assert {variant.version: variant.weight for variant in route.variants} == {old: 0, new: 10_000}
    await world.advance(58)
    assert (await world.look(submitted.id)).phase == "draining"
    await world.until(submitted.id, "succeeded", at_most=5)
    assert world.weights("bot") == {new: 10_000}


async def test_a_candidate_that_does_not_warm_up_never_serves(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    world.broken.add(new)
    seen, look = weights_over_time(world, "bot", new)
    submitted = await world.release("bot", "v1.1.0", strategy="blue_green")
    await world.until(submitted.id, "rejected", each=look)
    await world.advance(3, look)
    assert set(seen) == {0}


@pytest.mark.parametrize("is_crashing", [False, True])
async def test_while_the_old_version_is_warm_one_write_switches_back(world, is_crashing):
    old, new, submitted = await blue_green(world)
    await world.until(submitted.id, "draining")
    assert await world.stable("bot") == new
    await world.control.operations.command(submitted.id, "rollback", actor=ALICE, reason="it sulks")
    if is_crashing:
        await world.restart()
    await world.settle()
    assert world.weights("bot") == {old: 10_000}
    await world.until(submitted.id, "rolled_back", at_most=3)
    assert await world.stable("bot") == old
    assert await world.control.queries.incidents() == []


@pytest.mark.parametrize("place", ["promoting.soaking", "draining"])
async def test_errors_after_the_switch_switch_back_with_an_incident(world, place):
    old, new, submitted = await blue_green(world)
    await world.until(submitted.id, place)
    await world.gateways[0].serve("bot", 200, lambda version: version == new)
    ended = await world.until(submitted.id, "rolled_back", at_most=10)
    assert world.weights("bot") == {old: 10_000}
    assert await world.stable("bot") == old
    (incident,) = await world.control.queries.incidents()
    assert (incident.trigger, incident.exposed_requests) == ("hard_limit", 200)
    assert ended.time_to_stable_seconds < 5


@pytest.mark.parametrize("place", ["gating", "promoting.applying", "promoting.soaking", "draining"])
async def test_a_crash_at_each_place_changes_nothing(world, place):
    _, new, submitted = await blue_green(world, keep_warm="3s")
    await (world.until if place == "draining" else world.step_until)(submitted.id, place)
    await world.restart()
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new
    codes = await world.codes(submitted.id)
    assert [codes.count(code) for code in ("probes_passed", "verified", "promoted_without_data")] == [1, 1, 1]
    assert await world.is_audit_whole()
