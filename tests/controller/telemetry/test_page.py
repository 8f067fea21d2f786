from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.scenarios.world import ALICE, World

from tidegate.delivery.quantities import Dollars, Seconds, Share
from tidegate.delivery.service import ObjectivesSpec
from tidegate.registry.services import get_service, put_service


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    made = await World.create(tmp_path)
    yield made
    await made.close()


async def samples(world: World) -> dict[str, float]:
    lines = (await world.control.telemetry_page()).decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


async def test_the_page_follows_a_release(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s")
    await world.until(submitted.id, "promoting.soaking")
    await world.gateways[0].serve("bot", 10)
    await world.advance(1)
    page = await samples(world)
    assert page['tidegate_release_phase{phase="promoting",service="bot"}'] == 1
    assert page['tidegate_release_phase{phase="gating",service="bot"}'] == 0
    assert page['tidegate_verdict{service="bot",verdict="pass"}'] == 1
    assert page[f'tidegate_traffic_weight{{service="bot",version="{new}"}}'] == 1
    assert page[f'tidegate_traffic_weight{{service="bot",version="{old}"}}'] == 0
    assert page["tidegate_snapshot_revision"] == world.control.publisher.current.revision
    assert page["tidegate_gateways_live"] == 2
    assert page["tidegate_observations_stored_total"] == 10
    assert page["tidegate_observations_late_total"] == 0


async def test_observations_of_a_step_that_is_over_are_late(world):
    await world.service("bot", "1.0.0", "1.1.0")
    steps = [{"split": "20%", "soak": "1h"}, {"split": "50%", "soak": "1h"}]
    submitted = await world.release("bot", "v1.1.0", strategy={"canary": {"steps": steps}})
    await world.until(submitted.id, "progressing.soaking")
    before = world.gateways[0].observe("bot", 7)
    seen = await world.look(submitted.id)
    await world.control.operations.command(submitted.id, "promote", actor=ALICE, if_match=seen.etag)
    while (await world.look(submitted.id)).step == 0:
        await world.advance(1)
    await world.control.store(before)
    await world.gateways[0].serve("bot", 5)
    page = await samples(world)
    assert (page["tidegate_observations_late_total"], page["tidegate_observations_stored_total"]) == (7, 12)


async def test_after_a_restart_the_page_still_knows_the_latest_release(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="1s")
    await world.until(submitted.id, "succeeded")
    await world.restart()
    assert (await samples(world))['tidegate_release_phase{phase="succeeded",service="bot"}'] == 1


async def test_an_empty_installation_has_a_page(world):
    assert "tidegate_gateways_live" in await samples(world)


async def test_promises_and_open_incidents_are_read_when_the_page_is_asked_for(world):
    await world.service("bot", "1.0.0", "1.1.0")
    promised = ObjectivesSpec(availability=Share(0.995), ttft=Seconds(2), cost_per_request=Dollars("0.01"))

    async def promise(connection):
        spec = msgspec.structs.replace((await get_service(connection, "bot")).spec, objectives=promised)
        await put_service(connection, "bot", spec, actor="alice", at=world.clock.now())

    await world.control.state.transact(promise)
    found = await samples(world)
    assert found['tidegate_service_objective{objective="availability",service="bot"}'] == 0.995
    assert found['tidegate_service_objective{objective="ttft_seconds",service="bot"}'] == 2
    assert found['tidegate_service_objective{objective="cost_usd",service="bot"}'] == 0.01
    assert found["tidegate_leader"] == 1


async def test_a_rollback_shows_with_its_instant(world):
    _, bad = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="60s")
    await world.until(submitted.id, "promoting.soaking")
    for _ in range(3):
        await world.gateways[0].serve("bot", 50, fails=lambda version: version == bad)
        await world.advance(1)
    await world.until(submitted.id, "rolled_back")
    found = await samples(world)
    assert found['tidegate_last_rollback_timestamp_seconds{service="bot"}'] > 1e9
    assert 'tidegate_time_to_stable_seconds{service="bot"}' in found
