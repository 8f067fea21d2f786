"""Scenarios of docs/explanation/survival.md that no other file tells."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa
from tests.scenarios.world import ALICE, BOB, World

from tidegate.errors import InvalidInputError, OperatorError
from tidegate.registry import schema

SPLIT = {"canary": {"steps": [{"split": "20%", "soak": "10s"}, {"split": "50%", "soak": "10s"}]}}


async def stored_state(world: World, release: str) -> dict:
    async with world.control.state.read() as connection:
        text = await connection.scalar(sa.select(schema.releases.c.state).where(schema.releases.c.id == release))
    return msgspec.json.decode(text)


async def test_a_controller_upgraded_mid_release_reads_what_the_older_and_the_newer_program_wrote(world):
    """An older program lacked fields that this one has, a newer one wrote fields that this one does not know."""
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s")
    await world.until(submitted.id, "promoting.soaking")
    await world.crash()
    await world.start()
    state = await stored_state(world, submitted.id)
    for name in ("exposed_units", "gates", "approvals", "way_back", "round"):
        state.pop(name, None)
    async with world.control.state.write() as connection:
        text = msgspec.json.encode(state | {"a_field_of_tomorrow": {"x": 1}}).decode()
        await connection.execute(sa.update(schema.releases).values(state=text))
    world.beat()
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new
    assert await world.is_audit_whole()


async def test_three_requests_an_hour_pause_the_release_and_say_how_long_it_would_take(world):
    await world.service("bot", "1.0.0", "1.1.0")
    analysis = {"min_samples": 50, "on_no_data": "extend", "max_extensions": 1, "interval": "10m"}
    steps = [{"split": "50%", "soak": "1h"}]
    submitted = await world.release("bot", "v1.1.0", strategy={"canary": {"steps": steps}}, analysis=analysis)
    await world.until(submitted.id, "progressing.soaking")
    for _ in range(9):
        for gateway in world.gateways:
            await gateway.serve("bot", 1)
        world.clock.advance(timedelta(minutes=20))
        world.beat()
        await world.settle()
    seen = await world.look(submitted.id)
    assert (seen.phase, "no_data" in seen.pause_reasons) == ("progressing", True)
    assert seen.missing_samples > 30
    assert seen.missing_seconds > 10 * 3600
    summary = " ".join((await world.control.queries.explain(submitted.id)).summary)
    assert "Too few requests came to judge the step" in summary


async def test_a_metric_that_oscillates_around_its_limit_is_no_breach_and_a_rule_counts_its_looks(world):
    """3 % and 7 % in turn around a limit of 5 %: a fixed threshold would fire at each high; the bound does not."""
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release(
        "bot", "v1.1.0", bake="20s", guardrails=[{"metric": "error_rate", "hard": "> 5%"}], analysis={"interval": "1s"}
    )
    await world.until(submitted.id, "promoting.soaking")
    for turn in range(14):
        share = 3 if turn % 2 else 7
        for gateway in world.gateways:
            failing = iter(range(1_000))
            await gateway.serve("bot", 100, fails=lambda _, share=share, failing=failing: next(failing) % 100 < share)
        await world.advance(1)
        assert (await world.look(submitted.id)).phase == "promoting", turn


async def test_counts_that_are_away_for_a_minute_cost_nothing_and_for_longer_hold_the_release(world, monkeypatch):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", strategy=SPLIT, analysis={"min_samples": 20})
    await world.until(submitted.id, "progressing.soaking")
    from tidegate.controller.gathering import observations

    real = observations.read_counts

    async def away(*_args):
        raise OSError("the observations database is gone")

    monkeypatch.setattr(observations, "read_counts", away)
    await world.advance(60)
    held = await world.look(submitted.id)
    assert held.phase == "progressing"  # no data is no reason to go on, and none to go back
    assert held.step == 0
    monkeypatch.setattr(observations, "read_counts", real)
    if held.pause_reasons:
        await world.control.operations.command(submitted.id, "resume", actor=ALICE, if_match=held.etag)
    for _ in range(30):
        for gateway in world.gateways:
            await gateway.serve("bot", 100)
        await world.advance(1)
    assert (await world.look(submitted.id)).step >= 1
    assert new in world.weights("bot")


async def test_a_pointer_edited_by_hand_ends_the_release_and_the_edit_stands(world):
    old, new, third = await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    async with world.control.state.write() as connection:
        await connection.execute(sa.update(schema.services).values(stable=third))
    await world.until(submitted.id, "rolled_back")
    assert "stable_changed" in await world.codes(submitted.id)
    assert world.weights("bot") == {third: 10_000}
    assert {old, new} & set(world.weights("bot")) == set()


async def test_a_gateway_that_lags_one_revision_stops_the_soak_clock_and_not_the_release(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="10s")
    await world.until(submitted.id, "promoting.soaking")
    lagging = world.gateways[1]
    kept = lagging.snapshot
    lagging.refuses = lambda _: True
    lagging.snapshot = msgspec.structs.replace(kept, revision=kept.revision - 1)
    await world.advance(20)
    assert (await world.look(submitted.id)).pause_reasons == ("unverified",)
    lagging.refuses = lambda _: False
    await world.until(submitted.id, "succeeded", at_most=30)
    assert await world.stable("bot") == new


async def test_a_quota_that_both_arms_share_and_the_candidate_meets_first_takes_the_candidate_back(world):
    """429 counts as a failure of the arm that met it: users go back to what still answers them."""
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", strategy=SPLIT, analysis={"min_samples": 20, "interval": "1s"})
    await world.until(submitted.id, "progressing.soaking")
    for _ in range(8):
        for gateway in world.gateways:
            await gateway.serve("bot", 100, fails=lambda version: version == new)
        await world.advance(1)
    await world.until(submitted.id, "rolled_back")
    assert world.weights("bot") == {old: 10_000}


async def test_a_hosted_model_that_changes_silently_is_seen_by_the_bake_and_while_the_old_version_is_warm(world):
    """Probes and bake were good; then the same name answers worse: the guardrails are still armed while draining."""
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release(
        "bot",
        "v1.1.0",
        strategy={"direct": {"promote": {"bake": "5s", "keep_warm": "10m"}}},
        analysis={"interval": "1s"},
    )
    await world.until(submitted.id, "draining")
    for _ in range(6):
        for gateway in world.gateways:
            await gateway.serve("bot", 50, fails=lambda _: True)
        await world.advance(1)
    await world.until(submitted.id, "rolled_back")
    assert await world.stable("bot") == old


WARM = {"direct": {"promote": {"bake": "2s", "keep_warm": "30s"}}}
STRATEGIES = {  # by the phase in which the new release comes
    "pending": SPLIT,
    "gating": SPLIT,
    "progressing.applying": SPLIT,
    "progressing.verifying": SPLIT,
    "progressing.soaking": SPLIT,
    "promoting.soaking": WARM,
    "draining": WARM,
    "rolling_back": WARM,
}


@pytest.mark.parametrize("place", STRATEGIES)
@pytest.mark.parametrize("policy", ["supersede", "queue"])
async def test_a_new_release_in_every_phase_of_the_one_before(world, place, policy):
    await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    first = await world.release("bot", "v1.1.0", strategy=STRATEGIES[place])
    if place == "rolling_back":
        await world.until(first.id, "promoting.soaking")
        world.gateways[0].in_flight = {first.version: 1}  # which keeps it from being over at once
        world.beat()
        await world.control.operations.command(first.id, "abort", actor=ALICE)
    elif place == "draining":
        await world.until(first.id, place)
    elif place == "progressing.verifying":
        world.gateways[1].refuses = lambda snapshot: any(arm.weight for arm in snapshot.services["bot"].variants[1:])
    await world.step_until(first.id, place)
    world.gateways[1].refuses = lambda _: False
    second = await world.release("bot", "v1.2.0", bake="2s", when_running=policy)
    if policy == "queue" and place != "rolling_back":
        await world.control.controller.reconcile()
        assert (await world.look(second.id)).phase == "pending"  # it waits, whatever the first one does
        await world.control.operations.command(first.id, "abort", actor=ALICE)
    world.gateways[0].in_flight = {}
    ended = await world.until(second.id, "succeeded")
    assert ended.version == await world.stable("bot")
    assert not (await world.look(first.id)).is_running
    assert await world.is_audit_whole()


async def test_a_release_paused_for_a_week_goes_back_long_before_that(world):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", rollback={"max_paused": "12h", "deadline": "30d"})
    await world.until(submitted.id, "promoting.soaking")
    await world.control.operations.command(submitted.id, "pause", actor=BOB)
    await world.settle()
    for _ in range(7):
        world.clock.advance(timedelta(days=1))
        world.beat()
        await world.settle()
    seen = await world.look(submitted.id)
    assert seen.breach.trigger == "paused_too_long"
    assert world.weights("bot") == {old: 10_000}


async def test_a_database_that_is_down_stops_decisions_and_leases_but_no_request_and_all_goes_on_after_it(
    world, monkeypatch
):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s")
    await world.until(submitted.id, "promoting.soaking")
    served = world.gateways[0].snapshot
    state = world.control.state

    def down(*_args, **_more):
        raise OperatorError("the database is down", code="storage_failed")

    for name in ("read", "write", "transact"):
        monkeypatch.setattr(state, name, down)
    for _ in range(30):
        world.clock.advance(timedelta(seconds=1))
        world.beat()
        with pytest.raises(OperatorError):
            await world.control.controller.reconcile()
    assert world.gateways[0].snapshot == served  # gateways serve on from what they have
    assert world.control.publisher._renewal() is None  # and are told no more that they may keep the candidate
    monkeypatch.undo()
    await world.until(submitted.id, "succeeded", at_most=60)
    assert await world.stable("bot") == new
    assert await world.is_audit_whole()


async def test_what_the_service_cannot_do_is_refused_when_it_is_submitted(world):
    await world.service("bot", "1.0.0", "1.1.0")
    steps = [{"split": "1%", "soak": "1s", "to": {"segment": "internl"}}]
    with pytest.raises(InvalidInputError, match="no segment 'internl'"):
        await world.release("bot", "v1.1.0", strategy={"canary": {"steps": steps}})
