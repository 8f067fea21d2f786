from collections.abc import AsyncIterator

import pytest
from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    made = await World.create(tmp_path)
    yield made
    await made.close()


def samples(world: World) -> dict[str, float]:
    lines = world.control.telemetry.page().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


async def test_the_page_follows_a_release(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s")
    await world.until(submitted.id, "promoting.soaking")
    await world.gateways[0].serve("bot", 10)
    await world.advance(1)
    page = samples(world)
    assert page['tidegate_release_phase{phase="promoting",service="bot"}'] == 1
    assert page['tidegate_release_phase{phase="gating",service="bot"}'] == 0
    assert page['tidegate_verdict{service="bot",verdict="pass"}'] == 1
    assert page[f'tidegate_traffic_weight{{service="bot",version="{new}"}}'] == 10_000
    assert page[f'tidegate_traffic_weight{{service="bot",version="{old}"}}'] == 0
    assert page["tidegate_snapshot_revision"] == world.control.publisher.current.revision
    assert page["tidegate_gateways_live"] == 2
    assert page["tidegate_observations_stored_total"] == 10


async def test_after_a_restart_the_page_still_knows_the_latest_release(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="1s")
    await world.until(submitted.id, "succeeded")
    await world.restart()
    assert samples(world)['tidegate_release_phase{phase="succeeded",service="bot"}'] == 1


async def test_an_empty_installation_has_a_page(world):
    assert "tidegate_gateways_live" in samples(world)
