"""What the published table says of what is stored; read through the composed control plane."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.scenarios.world import START, World

from tidegate.controller.probe import JUDGE_KEY, PROBE_KEY
from tidegate.delivery.bundle import PromptSpec
from tidegate.delivery.service import PriceSpec, ProviderSpec, ServiceSpec
from tidegate.registry.keys import create_key, key_digest
from tidegate.registry.providers import put_provider
from tidegate.registry.services import put_service


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    made = await World.create(tmp_path, gateways=0)
    yield made
    await made.close()


async def test_providers_travel_with_references_and_exact_prices(world):
    spec = ProviderSpec(
        dialect="anthropic",
        base_url="https://api.example",
        api_key="sk-literal",
        prices={"*": msgspec.convert({"input": "0.10", "output": "0.40"}, PriceSpec)},
        max_in_flight=7,
        maker="vendor",
    )
    async with world.control.state.write() as connection:
        change = await put_provider(connection, "claude", spec, actor="test", at=START)
    world.control.secrets.update(change.secrets)
    await world.control.operations.routing_changed()
    provider = world.control.publisher.current.providers["claude"]
    assert (provider.credential, provider.max_in_flight, provider.maker) == ("memory:provider.claude", 7, "vendor")
    assert (provider.prices["*"].input, provider.prices["*"].cached) == (100_000, 100_000)
    assert b"sk-literal" not in msgspec.json.encode(world.control.publisher.current)
    assert b"sk-literal" in world.control.publisher._line


async def test_keys_travel_as_digests_beside_control_s_own(world):
    assert [key.name for key in world.control.publisher.current.keys] == [PROBE_KEY, JUDGE_KEY]
    async with world.control.state.write() as connection:
        _, secret = await create_key(connection, "shop", roles=["invoke"], services=["bot"], actor="test", at=START)
    await world.control.operations.routing_changed()
    shop = next(key for key in world.control.publisher.current.keys if key.name == "shop")
    assert (shop.sha256, shop.services) == (key_digest(secret), ("bot",))


async def test_access_is_open_only_where_it_may_be_and_until_there_is_a_key(world):
    assert not world.control.publisher.current.open_access
    await world.crash()
    world.control = world.new_control(open_access=True)
    await world.control.start(is_background=False)
    assert world.control.publisher.current.open_access
    async with world.control.state.write() as connection:
        await create_key(connection, "shop", roles=["invoke"], actor="test", at=START)
    await world.control.operations.routing_changed()
    assert not world.control.publisher.current.open_access


async def test_a_change_of_a_service_is_published_and_a_repetition_is_not(world):
    await world.service("bot", "1.0.0")
    revision = world.control.publisher.current.revision
    async with world.control.state.write() as connection:
        await put_service(connection, "bot", ServiceSpec(unit="user"), actor="test", at=START)
    for _ in range(2):
        await world.control.operations.routing_changed()
    table = world.control.publisher.current
    assert table.services["bot"].unit == "user"
    assert table.revision == revision + 1


async def test_the_table_is_the_same_after_a_restart_but_for_its_number(world):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.settle()
    before = world.control.publisher.current
    await world.restart()
    after = world.control.publisher.current
    assert after.services == before.services
    assert after.mac_key == before.mac_key
    assert (after.epoch, after.revision) == (before.epoch + 1, before.revision + 1)
    assert after.services["bot"].release.id == submitted.id


async def test_a_candidate_is_known_to_gateways_with_no_weight_before_its_probes(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    assert world.weights("bot") == {old: 10_000}
    await world.release("bot", "v1.1.0")
    await world.settle()
    assert world.weights("bot") == {old: 10_000, new: 0}
    stable = world.control.publisher.current.services["bot"].variants[0]
    assert stable.insertion.system is PromptSpec().system
