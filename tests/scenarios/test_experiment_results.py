"""What is told of an experiment: while it runs, after it, by segment, and when nothing can be concluded."""

import re

import msgspec
import pytest
from tests.scenarios.test_ab_test import ab_test, costs, users
from tests.scenarios.world import ALICE

from tidegate.delivery.observation import ObservationBatch
from tidegate.errors import ConflictError, NotFoundError

GUARDED = {"guardrails": [{"metric": "error_rate", "hard": "> 20%"}, {"metric": "latency", "max_increase": "20%"}]}


def by_arm(results, role: str = "objective"):
    return {effect.variant: effect for effect in results.effects if effect.role == role}


async def test_while_it_runs_every_arm_has_its_numbers_and_nobody_has_won(world):
    refs, submitted = await ab_test(world, **GUARDED)
    with pytest.raises(ConflictError, match="has not begun"):
        await world.control.experiments.results(submitted.id)
    await world.until(submitted.id, "progressing.soaking")
    empty = await world.control.experiments.results(submitted.id)
    assert empty.headline == "Nobody can say yet: there is too little data"
    assert {effect.standing for effect in empty.effects} == {"no_data"}
    await world.advance(4, users(world, 300, cost_nano=costs()))
    found = await world.control.experiments.results(submitted.id)
    assert (found.outcome, found.winner, found.is_void, found.mode) == ("", None, False, "promote_winner")
    assert found.headline.startswith("Nobody has won yet; ")
    assert [(arm.variant, arm.version, arm.declared) for arm in found.arms] == [
        ("control", refs["stable"], 3_334),
        ("short", refs["short"], 3_333),
        ("long", refs["long"], 3_333),
    ]
    assert sum(arm.share for arm in found.arms) == pytest.approx(1)
    assert sum(arm.compared for arm in found.arms) == sum(arm.units for arm in found.arms) == 1_200
    for effect in by_arm(found).values():
        assert effect.metric == "cost_per_request.mean"
        assert effect.lower < effect.effect < effect.upper
        assert effect.lift_lower < 0 < effect.lift_upper
        assert effect.standing == "undecided"
        assert re.match(
            r"[\d.e-]+ USD against [\d.e-]+ USD of control: [+-][\d.]+ %, surely between -", effect.sentence
        )
        assert effect.change
        assert 0 < effect.probability < 1
    watched = [effect.metric for effect in found.effects if effect.role == "watched"]
    assert watched == ["error_rate", "error_rate", "latency.p95", "latency.p95"]
    assert found.shared_alpha == pytest.approx(0.05 / 2)
    assert {verdict.variant for verdict in found.guardrails} == {"short", "long"}
    assert [(bound.role, bound.metric, bound.words) for bound in found.bounds] == [
        ("objective", "cost_per_request.mean", ""),
        ("guardrail", "error_rate", "hard > 20%"),
        ("guardrail", "latency.p95", "max_increase 20%"),
    ]
    assert [change.actor for change in found.thresholds] == ["alice"]


async def test_after_the_end_it_tells_who_won_and_what_people_did(world):
    _, submitted = await ab_test(world)
    await world.until(submitted.id, "progressing.soaking")
    await world.control.operations.command(submitted.id, "pause", actor=ALICE, reason="lunch")
    await world.settle()
    etag = (await world.look(submitted.id)).etag
    await world.control.operations.command(submitted.id, "resume", actor=ALICE, reason="back", if_match=etag)
    cheap = costs(**{"v1.2.0": 800})
    await world.until(submitted.id, "succeeded", each=users(world, cost_nano=cheap))
    found = await world.control.experiments.results(submitted.id)
    assert (found.outcome, found.winner) == ("winner_found", "long")
    assert found.headline.startswith("long won: cost_per_request.mean is ")
    assert [(arm.variant, arm.is_winner) for arm in found.arms][2] == ("long", True)
    long = by_arm(found)["long"]
    assert (long.standing, long.change) == ("better", "")
    assert -0.25 < long.lift < -0.15
    assert long.probability > 0.99
    assert [event.sentence for event in found.interventions] == [
        "alice asked to pause: lunch",
        "alice asked to resume: back",
    ]
    assert found.ended_at is not None
    assert found.ends_at is None


async def test_an_arm_that_was_taken_out_keeps_its_numbers_and_its_reason(world):
    refs, submitted = await ab_test(world)
    harmful = users(world, fails=lambda version: version == refs["long"], cost_nano=costs())
    await world.until(submitted.id, "progressing.soaking")
    await world.advance(5, harmful)
    found = await world.control.experiments.results(submitted.id)
    (gone,) = [arm for arm in found.arms if arm.removed_at is not None]
    assert (gone.variant, gone.weight, gone.declared) == ("long", 0, 3_333)
    assert "error_rate" in gone.removed_because
    assert gone.failures > 0
    assert set(by_arm(found)) == {"short", "long"}


async def test_lost_units_make_every_number_void(world):
    _, submitted = await ab_test(world)
    await world.until(submitted.id, "progressing.soaking")
    lost = users(world, cost_nano=costs(), drops=lambda variant, n: variant == "long" and n % 2 == 0)
    await world.advance(10, lost)
    found = await world.control.experiments.results(submitted.id)
    assert found.is_void
    assert found.headline.startswith("Nothing can be concluded")
    assert {effect.standing for effect in found.effects} == {"void"}
    assert {effect.change for effect in found.effects} == {""}


async def test_by_segment_the_same_numbers_are_divided(world):
    _, submitted = await ab_test(world)
    await world.until(submitted.id, "progressing.soaking")
    for _ in range(4):
        await world.gateways[0].serve("bot", 150, segments=("beta",), cost_nano=costs(1, **{"v1.2.0": 500}))
        await world.gateways[0].serve("bot", 450, cost_nano=costs(2, **{"v1.2.0": 1_100}))
    found = await world.control.experiments.by_segment(submitted.id, "segment")
    assert [(each.segment, each.units) for each in found.segments] == [("none", 1_800), ("beta", 600)]
    beta = {effect.variant: effect for effect in found.segments[1].effects}
    others = {effect.variant: effect for effect in found.segments[0].effects}
    assert beta["long"].lift == pytest.approx(-0.5, abs=0.05)
    assert others["long"].lift == pytest.approx(0.1, abs=0.05)
    assert (beta["long"].standing, others["long"].standing) == ("better", "worse")
    assert (found.units, found.is_partial) == (2_400, False)
    by_path = await world.control.experiments.by_segment(submitted.id, "path")
    whole = {effect.variant: effect for effect in by_path.segments[0].effects}
    await world.settle()
    told = by_arm(await world.control.experiments.results(submitted.id))
    assert [each.segment for each in by_path.segments] == ["/v1/chat/completions"]
    assert (whole["long"].effect, whole["long"].samples) == (told["long"].effect, told["long"].samples)


async def test_a_unit_counts_once_in_the_segment_and_for_the_arm_of_its_first_request(world):
    _, submitted = await ab_test(world)
    await world.until(submitted.id, "progressing.soaking")
    gateway = world.gateways[0]
    rows = gateway.observe("bot", 300, cost_nano=costs(1)).rows
    others = {"control": "short", "stable": "short", "short": "long", "long": "stable"}
    later = [
        msgspec.structs.replace(
            row,
            request_id=f"{row.request_id}_later",
            started_at_us=row.started_at_us + 1,
            segments="beta",
            variant=others[row.variant],
            served=others[row.variant],
        )
        for row in rows
    ]
    returning = [msgspec.structs.replace(row, has_own_unit=False) for row in (*later, *rows)]
    await world.control.store(ObservationBatch.of(gateway.name, gateway.boot_id, 9_999, returning))
    found = await world.control.experiments.by_segment(submitted.id, "segment")
    assert [(each.segment, each.units) for each in found.segments] == [("none", 300)]
    assert found.units == 300
    divided = {effect.variant: effect.samples for effect in found.segments[0].effects}
    told = by_arm(await world.control.experiments.results(submitted.id))
    assert divided == {name: effect.samples for name, effect in told.items()}


async def test_a_release_without_an_experiment_has_no_results(world):
    await world.service("bot", "1.0.0", "1.1.0")
    view = await world.release("bot", "v1.1.0")
    with pytest.raises(NotFoundError, match="is no experiment"):
        await world.control.experiments.results(view.id)
