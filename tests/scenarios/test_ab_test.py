"""An A/B test from its submission to its end: a winner, no winner, a harmful arm, a report, and a broken assignment."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.scenarios.world import ALICE, World

from tidegate.delivery.release_file import parse_release
from tidegate.delivery.service import ServiceSpec
from tidegate.delivery.snapshot import Segment
from tidegate.errors import InvalidInputError
from tidegate.registry.services import put_service

VARIANTS = {"control": "@stable", "short": "v1.1.0", "long": "v1.2.0"}
PROMOTE = {"bake": "5s", "keep_warm": "0s"}
CHEAPER = [{"metric": "cost_per_request"}]


async def ab_test(world: World, *, strategy: dict[str, Any] | None = None, **fields: Any):
    """An A/B test of two arms beside control; returns the references by variant, and the view."""
    references = await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    document = {
        "kind": "Release",
        "service": "bot",
        "probe": {"requests": 2},
        "variants": VARIANTS,
        "strategy": {"ab_test": {"horizon": "60s", "promote": PROMOTE, **(strategy or {})}},
        "objectives": CHEAPER,
        "guardrails": [{"metric": "error_rate", "hard": "> 20%"}],
        "analysis": {"interval": "1s", "min_samples": 100},
        **fields,
    }
    view = await world.control.operations.submit_release(parse_release(document), actor=ALICE, reason="try them")
    return dict(zip(("stable", "short", "long"), references, strict=True)), view


def costs(seed: int = 1, **means: float) -> Callable[[str, int], int]:
    """Nano-USD of a request by version, normal around a mean; those not named cost 1000."""
    chance = random.Random(seed)
    return lambda version, _: round(chance.gauss(next((m for v, m in means.items() if v in version), 1_000), 100))


def users(world: World, each: int = 600, **more: Any) -> Callable[[], Any]:
    return lambda: world.gateways[0].serve("bot", each, **more)


async def test_the_better_arm_wins_and_is_promoted_through_the_bake(world):
    refs, submitted = await ab_test(world)
    cheap = costs(**{"v1.2.0": 900, "v1.1.0": 990})
    ended = await world.until(submitted.id, "succeeded", each=users(world, cost_nano=cheap))
    assert await world.stable("bot") == refs["long"]
    assert ended.version == refs["long"]
    codes = await world.codes(submitted.id)
    assert [code for code in codes if code in {"decided", "winner_found", "stable_kept"}] == ["decided", "winner_found"]
    assert codes[-2:] == ["promoted", "drained"]
    assert ended.weights == {refs["stable"]: 0, refs["short"]: 0, refs["long"]: 10_000}
    assert await world.control.queries.incidents() == []
    told = await world.control.queries.explain(submitted.id)
    assert f"tries short ({refs['short']}), long ({refs['long']}) on bot by ab_test" in told.summary[0]
    happened = [event.sentence for event in told.events]
    assert "All probes (4) were answered by each of short and long." in happened
    assert any("gives short 33.33 % and long 33.33 % of the units." in sentence for sentence in happened)
    assert any(f"gives {refs['long']} 100 % of the units." in sentence for sentence in happened)


async def test_weights_are_whole_and_each_arm_gets_its_own(world):
    refs, submitted = await ab_test(
        world, strategy={"weights": {"control": "50%", "short": "30%", "long": "20%"}, "stop": "horizon"}
    )
    view = await world.until(submitted.id, "progressing.soaking")
    assert view.weights == {refs["stable"]: 5_000, refs["short"]: 3_000, refs["long"]: 2_000}
    served = await world.gateways[0].serve("bot", 5_000)
    assert abs(served[refs["short"]] - 1_500) < 150
    assert abs(served[refs["long"]] - 1_000) < 150


async def test_equal_arms_end_at_the_horizon_with_stable(world):
    refs, submitted = await ab_test(world)
    ended = await world.until(submitted.id, "succeeded", each=users(world, 200, cost_nano=costs()))
    assert await world.stable("bot") == refs["stable"]
    assert ended.weights == {refs["stable"]: 10_000, refs["short"]: 0, refs["long"]: 0}
    assert "stable_kept" in await world.codes(submitted.id)
    assert await world.control.queries.incidents() == []


async def test_a_harmful_arm_is_taken_out_alone_and_never_comes_back(world):
    refs, submitted = await ab_test(world)
    seen: list[int] = []

    async def each():
        seen.append(world.weights("bot")[refs["long"]])
        assert sum(world.weights("bot").values()) == 10_000  # I1
        cheap = costs(**{"v1.1.0": 900})
        await users(world, fails=lambda version: version == refs["long"], cost_nano=cheap)()

    ended = await world.until(submitted.id, "succeeded", each=each)
    assert await world.stable("bot") == refs["short"]
    assert [weight for weight, before in zip(seen[1:], seen, strict=False) if weight > before > 0] == []
    assert seen[-1] == 0
    (incident,) = await world.control.queries.incidents()
    assert (incident.variant, incident.trigger, incident.release) == ("long", "hard_limit", ended.id)
    assert incident.closed_at is not None
    assert incident.exposed_requests > 0
    codes = await world.codes(submitted.id)
    assert codes.index("arm_removed") < codes.index("winner_found")


async def test_the_last_arm_that_does_harm_takes_the_release_with_it(world):
    refs, submitted = await ab_test(world)
    ended = await world.until(submitted.id, "rolled_back", each=users(world, fails=lambda v: v != refs["stable"]))
    assert ended.breach.trigger == "hard_limit"
    one, whole = sorted(await world.control.queries.incidents(), key=lambda incident: not incident.variant)
    assert (one.variant in {"short", "long"}, whole.variant) == (True, "")
    assert world.weights("bot") == {refs["stable"]: 10_000}


async def test_a_report_promotes_nobody(world):
    refs, submitted = await ab_test(world, strategy={"decide": "report_only", "horizon": "20s"})
    cheap = costs(**{"v1.2.0": 500})
    await world.until(submitted.id, "succeeded", each=users(world, cost_nano=cheap))
    assert await world.stable("bot") == refs["stable"]
    assert "reported" in await world.codes(submitted.id)


async def test_stable_against_itself_finds_nothing_and_promotes_nothing(world):
    (old,) = await world.service("bot", "1.0.0")
    document = {
        "kind": "Release",
        "service": "bot",
        "variants": {"control": "@stable", "again": "@stable"},
        "strategy": {"ab_test": {"horizon": "20s"}},
        "objectives": CHEAPER,
        "analysis": {"interval": "1s"},
    }
    view = await world.control.operations.submit_release(parse_release(document), actor=ALICE)
    ended = await world.until(view.id, "succeeded", each=users(world, cost_nano=costs()))
    assert (ended.weights, await world.stable("bot")) == ({old: 10_000}, old)


async def test_lost_units_of_one_arm_stop_every_conclusion(world):
    refs, submitted = await ab_test(world)
    await world.until(submitted.id, "progressing.soaking")
    cheap = costs(**{"v1.2.0": 500})
    await world.advance(20, users(world, cost_nano=cheap, drops=lambda variant, n: variant == "long" and n % 2 == 0))
    held = await world.look(submitted.id)
    assert held.pause_reasons == ("inconclusive",)
    assert "sample_ratio_mismatch" in {verdict.code for verdict in held.verdicts}
    assert await world.stable("bot") == refs["stable"]


async def test_only_the_segment_takes_part(world):
    spec = ServiceSpec(segments={"internal": Segment(header={"x-team": "acme"})})
    refs = await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    async with world.control.state.write() as connection:
        await put_service(connection, "bot", spec, actor="test", at=world.clock.now())
    document = {
        "kind": "Release",
        "service": "bot",
        "variants": VARIANTS,
        "strategy": {"ab_test": {"to": {"segment": "internal"}, "horizon": "60s", "promote": PROMOTE}},
        "objectives": CHEAPER,
        "analysis": {"interval": "1s"},
    }
    view = await world.control.operations.submit_release(parse_release(document), actor=ALICE)
    await world.until(view.id, "progressing.soaking")
    assert await world.gateways[0].serve("bot", 200) == {refs[0]: 200}
    inside = await world.gateways[0].serve("bot", 600, segments=("internal",))
    assert set(inside) == set(refs)
    cheap = costs(**{"v1.2.0": 800})
    await world.until(view.id, "succeeded", each=users(world, cost_nano=cheap, segments=("internal",)))
    assert await world.stable("bot") == refs[2]


async def test_an_arm_with_other_parameters_becomes_a_version_of_its_own(world):
    (old,) = await world.service("bot", "1.0.0")
    document = {
        "kind": "Release",
        "service": "bot",
        "variants": {"control": "@stable", "cool": {"generation": {"temperature": 0.1}}},
        "strategy": "ab_test",
    }
    view = await world.control.operations.submit_release(parse_release(document), actor=ALICE)
    assert view.version.startswith("bot/v1.0.1-")
    await world.until(view.id, "progressing.soaking")
    assert set(world.weights("bot")) == {old, view.version}
    again = world.control.operations.submit_release(parse_release(document), actor=ALICE)
    with pytest.raises(Exception, match="is on trial already"):
        await again


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"variants": {"a": "v1.1.0"}}, "compares with the stable version"),
        ({"variants": {"control": "@stable", "stable": "v1.1.0"}}, "is no name of a variant"),
        ({"strategy": {"ab_test": {"weights": {"control": "50%", "short": "50%"}}}}, "weights and variants differ"),
        (
            {"strategy": {"ab_test": {"weights": {"control": "50%", "short": "30%", "long": "10%"}}}},
            "the weights sum to 90%",
        ),
        ({"objectives": [{"metric": "latencyy"}]}, "unknown metric"),
        ({"objectives": [{"metric": "error_rate", "max_decrease": "2%"}]}, "that bound is no harm"),
        ({"strategy": "canary", "objectives": CHEAPER, "version": "v1.1.0"}, "variants"),
    ],
)
def test_what_is_no_experiment_is_refused_with_its_place(fields, message):
    document = {"kind": "Release", "service": "bot", "variants": VARIANTS, "strategy": "ab_test", **fields}
    with pytest.raises(InvalidInputError, match=message):
        parse_release(document)


@pytest.mark.parametrize("decide", ["promote_winner", "report_only"])
@pytest.mark.parametrize(
    "variants", [VARIANTS, {"control": "@stable", "short": "v1.1.0"}, {"control": "@stable", "same": "@stable"}]
)
async def test_without_a_word_of_feedback_nobody_is_promoted(world, variants, decide):
    """Guardrails pass with plenty of traffic, and the objective knows nothing: no data is not good news."""
    is_report = decide == "report_only" or "same" in variants
    refs, submitted = await ab_test(
        world, variants=variants, strategy={"decide": decide}, objectives=[{"metric": "feedback:liked"}]
    )
    if is_report:
        await world.until(submitted.id, "succeeded", each=users(world, 200))
        assert "reported" in await world.codes(submitted.id)
    else:
        held = await world.until(submitted.id, "progressing.judging", each=users(world, 200))
        assert held.pause_reasons == ("no_data",)
        await world.advance(30)
        assert (await world.look(submitted.id)).phase == "progressing"
    assert await world.stable("bot") == refs["stable"]


async def test_an_arm_that_is_surely_worse_is_not_promoted_because_another_lacks_data(world):
    refs, submitted = await ab_test(world, strategy={"weights": {"control": "49%", "short": "50%", "long": "1%"}})
    held = await world.until(
        submitted.id, "progressing.judging", each=users(world, 50, cost_nano=costs(**{"v1.1.0": 5_000}))
    )
    assert held.pause_reasons == ("no_data",)
    assert await world.stable("bot") == refs["stable"]


async def test_counts_that_cannot_be_read_at_the_horizon_end_nothing(world, monkeypatch):
    from tidegate.controller.gathering import observations

    refs, submitted = await ab_test(world, strategy={"stop": "horizon"})
    cheap = users(world, 100, cost_nano=costs(**{"v1.2.0": 500}))
    await world.until(submitted.id, "progressing.soaking")
    await world.advance(50, cheap)
    real = observations.read_counts

    async def away(*_args):
        raise OSError("the observations database is gone")

    monkeypatch.setattr(observations, "read_counts", away)
    await world.advance(15)
    held = await world.look(submitted.id)
    assert (held.phase, held.sub_phase, held.pause_reasons) == ("progressing", "judging", ("no_data",))
    monkeypatch.setattr(observations, "read_counts", real)
    await world.control.operations.command(submitted.id, "resume", actor=ALICE, if_match=held.etag)
    await world.until(submitted.id, "succeeded", each=cheap)
    assert await world.stable("bot") == refs["long"]
