"""A shadow from its submission to its end, and what comes after it in a chain: no user ever meets a bad candidate."""

from __future__ import annotations

from typing import Any

import pytest
from tests.scenarios.world import ALICE, World

from tidegate.controller.route_explaining import AskedRoute
from tidegate.delivery.service import PriceSpec, ProviderSpec
from tidegate.delivery.snapshot import Pin, PinReport
from tidegate.delivery.traffic import Arms, arms_of
from tidegate.errors import InvalidInputError
from tidegate.registry.providers import put_provider

SHADOW = {"shadow": {"percent": "10%", "soak": "5s"}}
CANARY = {
    "canary": {
        "steps": [{"split": "25%", "mirror": "10%", "soak": "5s"}, {"split": "50%", "soak": "5s"}],
        "promote": {"bake": "3s", "keep_warm": "0s"},
    }
}


async def shadow(world: World, strategy: Any = SHADOW, **fields: Any):
    """A quick shadow; returns (stable, candidate, view)."""
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    analysis = {"interval": "1s", "min_samples": 100, **fields.pop("analysis", {})}
    return old, new, await world.release("bot", "v1.1.0", strategy=strategy, analysis=analysis, **fields)


async def declare_prices(world: World) -> None:
    prices = {"*": PriceSpec(input=1.0, output=4.0)}
    spec = ProviderSpec(dialect="openai", base_url="http://127.0.0.1:1/v1", prices=prices)
    async with world.control.state.write() as connection:
        await put_provider(connection, "local", spec, actor="test", at=world.clock.now())
    await world.control.operations.routing_changed()
    world.beat()


def traffic(world: World, requests: int = 400, **copies: Any):
    """So many requests a second at each of both gateways, with their copies."""

    async def each() -> None:
        for gateway in world.gateways:
            await gateway.serve("bot", requests)
            await gateway.mirror("bot", requests, **copies)

    return each


async def test_a_good_shadow_ends_with_its_verdict_and_moves_nothing(world):
    old, new, submitted = await shadow(world)
    ended = await world.until(submitted.id, "succeeded", each=traffic(world))
    assert await world.stable("bot") == old
    assert world.weights("bot") == {old: 10_000}
    assert (ended.verdict, ended.exposed_requests) == ("pass", 0)
    assert ended.samples >= 100
    codes = await world.codes(submitted.id)
    assert codes[-1] == "finished"
    assert "promoted" not in codes
    explained = await world.control.queries.explain(submitted.id)
    assert any(f"{new} has served no user" in sentence for sentence in explained.sentences)
    assert await world.control.queries.incidents() == []
    assert await world.is_audit_whole()


async def test_a_bad_shadow_is_rolled_back_with_an_incident_and_no_exposed_user(world):
    old, _, submitted = await shadow(world)
    ended = await world.until(submitted.id, "rolled_back", each=traffic(world, fails=lambda number: number % 4 == 0))
    assert ended.exposed_requests == 0
    (incident,) = await world.control.queries.incidents()
    assert (incident.exposed_requests, incident.trigger) == (0, "hard_limit")
    assert world.weights("bot") == {old: 10_000}
    assert all(gateway.snapshot.services["bot"].release is None for gateway in world.gateways)


async def test_a_chain_goes_from_copies_to_users_to_promotion(world):
    _, new, submitted = await shadow(world, [SHADOW, CANARY])
    seen: list[tuple[int, int]] = []

    async def each() -> None:
        route = world.gateways[0].snapshot.services["bot"]
        if route.release is not None:
            mirrored = route.release.mirroring.share if route.release.mirroring else 0
            seen.append((world.weights("bot").get(new, 0), mirrored))
        await traffic(world)()

    await world.until(submitted.id, "succeeded", each=each)
    assert await world.stable("bot") == new
    met = list(dict.fromkeys(pair for pair in seen if pair != (0, 0)))
    assert met == [(0, 1_000), (2_500, 1_000), (5_000, 0), (10_000, 0)]
    codes = await world.codes(submitted.id)
    assert codes.count("step_passed") == 3
    assert codes.count("probes_passed") == 1


async def test_a_chain_whose_copies_fail_never_reaches_a_user(world):
    _, new, submitted = await shadow(world, [SHADOW, CANARY])
    weights = []

    async def each() -> None:
        weights.append(world.weights("bot").get(new, 0))
        await traffic(world, fails=lambda _: True)()

    ended = await world.until(submitted.id, "rolled_back", each=each)
    assert set(weights) == {0}
    assert (ended.step, ended.exposed_requests) == (0, 0)


async def test_a_shadow_over_its_budget_stops_copying_and_is_judged_by_what_it_has(world):
    await declare_prices(world)
    strategy = {"shadow": {"percent": "50%", "soak": "1h", "max_cost": "2 USD"}}
    _, _, submitted = await shadow(world, strategy)
    copies = []

    async def each() -> None:
        copies.extend([await gateway.mirror("bot", 40, cost_nano=4_000_000) for gateway in world.gateways])

    await world.until(submitted.id, "succeeded", each=each)
    assert "mirror_spent" in await world.codes(submitted.id)
    assert 480 <= sum(copies) <= 500 + 2 * 20  # two dollars pay for 500; one second's copies were under way


async def test_without_a_copy_nothing_is_passed(world):
    _, _, submitted = await shadow(world)
    await world.until(submitted.id, "progressing.judging")
    await world.advance(5)
    view = await world.look(submitted.id)
    assert (view.phase, view.verdict, view.pause_reasons) == ("progressing", "no_data", ("no_data",))


async def test_a_restarted_control_goes_on_counting_where_it_was(world):
    _, _, submitted = await shadow(world)
    await world.until(submitted.id, "progressing.soaking")
    await traffic(world)()
    await world.restart()
    await world.advance(1)
    assert (await world.look(submitted.id)).samples == 80
    await world.until(submitted.id, "succeeded", each=traffic(world))


async def test_a_person_may_end_it_and_the_mirror_goes_with_the_routing_write(world):
    _, _, submitted = await shadow(world)
    await world.until(submitted.id, "progressing.soaking")
    assert world.gateways[0].snapshot.services["bot"].release.mirroring is not None
    await world.control.operations.command(submitted.id, "abort", actor=ALICE)
    await world.control.controller.reconcile()
    await world.control.effects.settle()
    world.beat()
    assert world.gateways[0].snapshot.services["bot"].release is None


@pytest.mark.parametrize(
    ("strategy", "code"),
    [
        ({"shadow": {"max_cost": "1 USD"}}, "unknown_price"),
        ({"canary": {"steps": [{"split": "5%", "to": {"segment": "beta"}, "soak": "1s"}]}}, "unknown_segment"),
        (
            [SHADOW, {"canary": {"steps": [{"split": "5%", "to": {"segment": "beta"}, "soak": "1s"}]}}],
            "unknown_segment",
        ),
    ],
)
async def test_what_the_service_cannot_do_is_refused_at_submission(world, strategy, code):
    with pytest.raises(InvalidInputError) as caught:
        await shadow(world, strategy)
    assert caught.value.code == code


async def test_a_service_without_a_stable_version_cannot_be_shadowed(world):
    await world.service("bot", "1.0.0", stable=False)
    with pytest.raises(InvalidInputError) as caught:
        await world.release("bot", "v1.0.0", strategy=SHADOW)
    assert caught.value.code == "needs_stable"


async def test_explain_route_tells_where_a_conversation_stays(world):
    steps = [{"split": "1%", "soak": "3s"}, {"split": "99%", "soak": "1h"}]
    old, new, submitted = await shadow(world, {"canary": {"steps": steps}}, assignment={"unit": "conversation"})
    await world.until(submitted.id, "progressing.soaking", each=traffic(world, 4_000))
    queries, gateway = world.control.queries, world.gateways[0]

    def goes_to(unit: str) -> str:
        return queries.explain_route("bot", AskedRoute(conversation=unit)).version

    on_stable = [unit for unit in (f"c-{number}" for number in range(400)) if goes_to(unit) == old]
    moves = next(unit for unit in on_stable if Arms(salt_of(gateway), [100, 9_900], 0).assign(unit).arm == 1)
    unit_hash = arms_of(gateway.snapshot.services["bot"]).assign(moves).unit_hash
    pins = (unit_hash, Pin("stable", 0, 0))
    report = PinReport(service="bot", release=submitted.id, attempt=1, log="", seen=0, pins=(pins,))
    gateway.beat(pins=(report,))
    await world.control.operations.command(
        submitted.id, "promote", actor=ALICE, if_match=(await world.look(submitted.id)).etag
    )
    await world.until(submitted.id, "progressing.soaking", each=traffic(world, 4_000))
    while (await world.look(submitted.id)).step == 0:
        await world.advance(1, traffic(world, 4_000))
    assert sum(goes_to(unit) == new for unit in on_stable) > 300
    kept = queries.explain_route("bot", AskedRoute(conversation=moves))
    assert (kept.version, kept.propensity) == (old, 10_000)
    assert "began with" in kept.sentence


def salt_of(gateway) -> str:
    return gateway.snapshot.services["bot"].salt
