"""A canary from its submission to its end: good, bad in each way, undecided, without data, and held."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.scenarios.world import ALICE, World, cutoff

from tidegate.delivery.service import ServiceSpec
from tidegate.delivery.snapshot import Segment
from tidegate.errors import InvalidInputError
from tidegate.registry.services import put_service

STEPS = [{"split": "5%", "soak": "10s"}, {"split": "25%", "soak": "10s"}, {"split": "50%", "soak": "10s"}]
PROMOTE = {"bake": "5s", "keep_warm": "0s"}


async def canary(world: World, *, steps: list[dict[str, Any]] = STEPS, **fields: Any):
    """A canary with quick steps; returns (stable, candidate, view)."""
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    document = {
        "strategy": {"canary": {"steps": steps, "promote": PROMOTE}},
        "analysis": {"interval": "1s", "min_samples": 100, **fields.pop("analysis", {})},
        **fields,
    }
    return old, new, await world.release("bot", "v1.1.0", **document)


def users(world: World, each: int = 400, **more: Any) -> Callable[[], Any]:
    """So many new units a second, at the first gateway."""
    return lambda: world.gateways[0].serve("bot", each, **more)


async def test_a_good_candidate_climbs_step_by_step_and_is_promoted(world):
    _, new, submitted = await canary(world)
    seen = []

    async def each():
        seen.append(world.weights("bot")[new])
        await users(world)()

    await world.until(submitted.id, "succeeded", each=each)
    assert [weight for weight in dict.fromkeys(seen) if weight] == [500, 2_500, 5_000, 10_000]
    assert seen == sorted(seen)
    assert await world.stable("bot") == new
    codes = await world.codes(submitted.id)
    assert codes.count("step_passed") == 3
    assert codes[-2:] == ["promoted", "drained"]
    assert await world.control.queries.incidents() == []
    assert await world.is_audit_whole()


@pytest.mark.parametrize("seed", range(2))
async def test_equal_errors_in_both_arms_harm_nobody(world, seed):
    _, new, submitted = await canary(world, guardrails=[{"metric": "error_rate", "max_increase": "5%"}])
    await world.until(
        submitted.id, "succeeded", each=users(world, fails=lambda _, n=[seed]: n.append(1) or len(n) % 50 == 0)
    )
    assert await world.stable("bot") == new


async def test_a_candidate_with_more_errors_is_rolled_back_in_its_first_step(world):
    old, new, submitted = await canary(world, guardrails=[{"metric": "error_rate", "max_increase": "2%"}])
    ended = await world.until(submitted.id, "rolled_back", each=users(world, fails=lambda version: version == new))
    assert ended.step == 0
    assert world.weights("bot") == {old: 10_000}
    assert ended.breach.trigger == "guardrail"
    (verdict,) = [v for v in ended.verdicts if v.verdict == "fail"]
    assert (verdict.code, verdict.estimate, verdict.stable_estimate) == ("worse_than_stable", 1.0, 0.0)
    assert verdict.effect_lower > 0.02
    assert "100 % against 0 % of stable (+100 points, between" in verdict.sentence
    (incident,) = await world.control.queries.incidents()
    assert incident.evidence["verdicts"][0]["code"] == "worse_than_stable"


async def test_a_slower_candidate_is_rolled_back(world):
    rule = [{"metric": "latency", "stat": "p95", "max_increase": "15%"}]
    _, new, submitted = await canary(world, guardrails=rule, steps=[{"split": "25%", "soak": "60s"}])
    slow = users(world, latency_us=lambda version, n: (200_000 + 1_000 * (n % 100)) * (3 if version == new else 2))
    ended = await world.until(submitted.id, "rolled_back", each=slow)
    (verdict,) = ended.verdicts
    assert (verdict.metric, verdict.code) == ("latency.p95", "worse_than_stable")
    assert 0.4 < verdict.effect < 0.6


async def test_a_dearer_candidate_is_rolled_back(world):
    rule = [{"metric": "cost_per_request", "max_increase": "10%"}]
    _, new, submitted = await canary(world, guardrails=rule, steps=[{"split": "25%", "soak": "30s"}])
    dear = users(world, cost_nano=lambda version, n: (1_500 + 10 * (n % 100)) * (7 if version == new else 4))
    ended = await world.until(submitted.id, "rolled_back", each=dear)
    assert ended.verdicts[0].code == "worse_than_stable"
    assert ended.verdicts[0].effect == pytest.approx(0.75, abs=0.1)


async def test_what_the_data_do_not_decide_is_extended_then_paused_and_resumed_or_forced(world):
    steps = [{"split": "25%", "soak": "3s"}]
    _, new, submitted = await canary(
        world,
        steps=steps,
        guardrails=[{"metric": "error_rate", "max_increase": "0.1%"}],
        analysis={"max_extensions": 1, "min_samples": 20},
    )
    paused = await world.until(submitted.id, "progressing.judging", each=users(world, 100), at_most=20)
    while not paused.pause_reasons:
        await world.advance(1, users(world, 100))
        paused = await world.look(submitted.id)
    assert (paused.pause_reasons, paused.verdict) == (("inconclusive",), "inconclusive")
    assert "neither surely within max_increase 0.1% nor surely beyond it" in paused.verdicts[0].sentence
    assert (await world.codes(submitted.id)).count("extended") == 1
    assert world.weights("bot")[new] == 2_500  # paused is no way back
    await world.control.operations.command(submitted.id, "resume", actor=ALICE, if_match=paused.etag)
    await world.settle()
    again = await world.look(submitted.id)
    assert (again.phase, again.sub_phase) == ("progressing", "soaking")
    await world.control.operations.command(
        submitted.id, "promote", actor=ALICE, reason="good enough", if_match=again.etag
    )
    await world.until(submitted.id, "succeeded", each=users(world, 100))
    assert "step_forced" in await world.codes(submitted.id)


async def test_inconclusive_may_mean_rollback(world):
    _, _, submitted = await canary(
        world,
        steps=[{"split": "25%", "soak": "3s"}],
        guardrails=[{"metric": "error_rate", "max_increase": "0.1%"}],
        analysis={"on_inconclusive": "rollback", "min_samples": 20},
    )
    ended = await world.until(submitted.id, "rolled_back", each=users(world, 100))
    assert ended.breach.trigger == "inconclusive"


async def test_without_traffic_nothing_is_promoted(world):
    _, new, submitted = await canary(world)
    for _ in range(40):
        await world.advance(1)
    view = await world.look(submitted.id)
    assert (view.step, view.pause_reasons, view.verdict) == (0, ("no_data",), "no_data")
    assert world.weights("bot")[new] == 500


async def test_traffic_on_one_arm_alone_is_no_data(world):
    _, _, submitted = await canary(world)
    await world.until(submitted.id, "progressing.soaking")
    for _ in range(15):
        await world.advance(1, users(world, 200, drops=lambda variant, _: variant != "stable"))
    view = await world.look(submitted.id)
    assert view.step == 0
    assert view.verdict in {"no_data", "inconclusive"}


async def test_when_stable_fails_too_the_environment_is_to_blame(world):
    _, _, submitted = await canary(
        world,
        steps=[{"split": "25%", "soak": "20s"}],
        guardrails=[{"metric": "error_rate", "hard": "> 5%"}],
        analysis={"max_extensions": 0},
    )
    await world.until(submitted.id, "progressing.soaking")
    outage = users(world, fails=lambda _, n=[]: n.append(1) or len(n) % 3 == 0)
    await world.advance(5, outage)
    during = await world.look(submitted.id)
    assert (during.phase, during.verdict, during.verdicts[0].code) == ("progressing", "inconclusive", "environment")
    assert await world.control.queries.incidents() == []


async def test_a_candidate_that_fails_far_more_than_a_failing_stable_is_rolled_back(world):
    _, new, submitted = await canary(
        world, steps=[{"split": "25%", "soak": "20s"}], guardrails=[{"metric": "error_rate", "hard": "> 5%"}]
    )
    bad = users(world, fails=lambda version, n=[]: n.append(1) or version == new or len(n) % 3 == 0)
    ended = await world.until(submitted.id, "rolled_back", each=bad)
    assert ended.breach.trigger == "hard_limit"


async def test_a_sample_ratio_mismatch_holds_until_a_person_has_looked(world):
    _, _, submitted = await canary(world, steps=[{"split": "50%", "soak": "20s"}])
    await world.until(submitted.id, "progressing.soaking")
    await world.advance(2, users(world, drops=lambda variant, n: variant == "candidate" and n % 3 != 0))
    held = await world.look(submitted.id)
    assert held.pause_reasons == ("inconclusive",)
    assert {v.code for v in held.verdicts if v.metric == "sample_ratio"} == {"sample_ratio_mismatch"}
    assert not [v for v in held.verdicts if v.verdict == "fail"]
    await world.control.operations.command(
        submitted.id, "resume", actor=ALICE, reason="the log shipper is mended", if_match=held.etag
    )
    await world.until(submitted.id, "succeeded", each=users(world))


async def test_slow_units_still_under_way_are_no_mismatch(world):
    _, new, submitted = await canary(world, steps=[{"split": "50%", "soak": "20s"}])
    await world.until(submitted.id, "progressing.soaking")
    world.gateways[0].in_flight = {new: 300}
    await world.advance(2, users(world, drops=lambda variant, n: variant == "candidate" and n % 3 == 0))
    assert (await world.look(submitted.id)).pause_reasons == ()


async def test_a_segment_comes_first_and_keeps_what_it_has(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    spec = ServiceSpec(segments={"internal": Segment(header={"x-team": "acme"})})
    async with world.control.state.write() as connection:
        await put_service(connection, "bot", spec, actor="test", at=world.clock.now())
    steps = [{"split": "50%", "to": {"segment": "internal"}, "soak": "5s"}, {"split": "10%", "soak": "5s"}]
    submitted = await world.release(
        "bot",
        "v1.1.0",
        strategy={"canary": {"steps": steps, "promote": PROMOTE}},
        analysis={"interval": "1s", "min_samples": 100},
    )
    await world.until(submitted.id, "progressing.soaking")
    route = world.control.publisher.current.services["bot"]
    assert (world.weights("bot")[new], route.targets) == (0, {"internal": {"candidate": 5_000}})
    inside = users(world, segments=("internal",))
    while (await world.look(submitted.id)).step == 0:
        await world.advance(1, inside)
    route = world.control.publisher.current.services["bot"]
    assert (world.weights("bot")[new], route.targets) == (1_000, {"internal": {"candidate": 5_000}})
    event = next(e for e in (await world.control.queries.explain(submitted.id)).events if e.code == "routing_written")
    assert "50 % of the units of segment internal" in event.sentence
    await world.until(submitted.id, "succeeded", each=users(world, 1_500))


async def test_a_segment_that_the_service_lacks_is_refused(world):
    steps = [{"split": "50%", "to": {"segment": "nobody"}, "soak": "5s"}]
    with pytest.raises(InvalidInputError, match="no segment 'nobody'"):
        await canary(world, steps=steps)


@pytest.mark.parametrize("strategy", [{"canary": {"preset": "fast"}}, "blue_green"])
async def test_a_service_without_a_stable_version_takes_only_a_direct_release(world, strategy):
    await world.service("bot", "1.0.0", stable=False)
    with pytest.raises(InvalidInputError, match="only a direct release can begin"):
        await world.release("bot", "v1.0.0", strategy=strategy)


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("sub", ["applying", "soaking"])
async def test_paused_resumed_and_crashed_at_each_place_it_is_promoted_all_the_same(world, step, sub):
    _, new, submitted = await canary(
        world,
        steps=[{**step, "soak": "2s"} for step in STEPS],
        guardrails=[{"metric": "error_rate", "max_increase": "20%"}],
        analysis={"min_samples": 20},
    )
    await reach(world, submitted.id, step, sub)
    at = await world.look(submitted.id)
    await world.control.operations.command(submitted.id, "pause", actor=ALICE, reason="lunch")
    await world.restart()
    await world.settle()
    paused = await world.look(submitted.id)
    await world.advance(4)
    still = await world.look(submitted.id)
    assert paused.pause_reasons == still.pause_reasons == ("manual",)
    assert still.step == at.step
    await world.control.operations.command(submitted.id, "resume", actor=ALICE, if_match=still.etag)
    await world.restart()
    await world.until(submitted.id, "succeeded", each=users(world, 600))
    assert await world.stable("bot") == new
    assert (await world.codes(submitted.id)).count("step_passed") == 3
    assert await world.is_audit_whole()


@pytest.mark.parametrize("step", [0, 2])
@pytest.mark.parametrize("kind", ["abort", "promote"])
async def test_aborted_or_promoted_in_full_at_a_step(world, step, kind):
    old, new, submitted = await canary(world)
    await reach(world, submitted.id, step, "soaking")
    await users(world, 200)()
    view = await world.look(submitted.id)
    if kind == "abort":
        await world.control.operations.command(submitted.id, "abort", actor=ALICE, reason="no")
        await world.until(submitted.id, "rolled_back", at_most=5)
        assert world.weights("bot") == {old: 10_000}
        assert await world.control.queries.incidents() == []
        return
    await world.control.operations.command(
        submitted.id, "promote", actor=ALICE, reason="now", full=True, if_match=view.etag
    )
    await world.until(submitted.id, "promoting.soaking", at_most=3)
    await world.until(submitted.id, "succeeded", each=users(world))
    assert await world.stable("bot") == new


async def test_an_approval_between_two_splits_is_awaited_with_the_weights_before(world):
    steps = [STEPS[0], {"approve": "release-manager", "timeout": "1h"}, STEPS[2]]
    _, new, submitted = await canary(world, steps=steps)
    await world.until(submitted.id, "progressing.waiting", each=users(world))
    assert world.weights("bot")[new] == 500
    manager = type(ALICE)(name="mia", roles=("release-manager",))
    view = await world.look(submitted.id)
    await world.control.operations.command(submitted.id, "approve", actor=manager, reason="fine", if_match=view.etag)
    await world.until(submitted.id, "succeeded", each=users(world))
    assert "approved" in await world.codes(submitted.id)


async def test_a_cut_off_in_a_split_rolls_back(world):
    old, _, submitted = await canary(world)
    await world.until(submitted.id, "progressing.soaking")
    world.gateways[1].cutoffs = (cutoff(submitted.id, "bot"),)
    await world.until(submitted.id, "rolled_back", at_most=10)
    assert world.weights("bot") == {old: 10_000}


async def reach(world: World, release: str, step: int, sub: str) -> None:
    """Let users come until the release is at that place, however short it stays there."""
    for _ in range(400):
        view = await world.look(release)
        if (view.phase, view.step, view.sub_phase) == ("progressing", step, sub):
            return
        await world.control.controller.reconcile()
        await world.control.effects.settle()
        world.beat()
        if (await world.look(release)).sub_phase == view.sub_phase == "soaking" and view.step <= step:
            await users(world)()
            world.clock.advance(timedelta(seconds=1))
    raise AssertionError(f"{view.phase} {view.step} {view.sub_phase}")
