"""Scenarios of docs/explanation/survival.md that no other file tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa
from tests.fakes.observations import batch, observation
from tests.scenarios.world import ALICE, BOB, World

from tidegate.delivery.release_file import parse_release
from tidegate.errors import InvalidInputError, OperatorError
from tidegate.registry import schema
from tidegate.registry.observations import read_counts

SPLIT = {"canary": {"steps": [{"split": "20%", "soak": "10s"}, {"split": "50%", "soak": "10s"}]}}


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    made = await World.create(tmp_path)
    yield made
    await made.close()


async def read_counts_of(world: World, release: str) -> dict:
    async with world.control.observed.read() as connection:
        return (await read_counts(connection, [release]))[release]


async def stored_state(world: World, release: str) -> dict:
    async with world.control.state.read() as connection:
        text = await connection.scalar(sa.select(schema.releases.c.state).where(schema.releases.c.id == release))
    return msgspec.json.decode(text)


# Crash and concurrency ----------------------------------------------------------------------------------------


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


async def test_two_control_processes_one_leads_and_the_other_takes_over_where_it_was(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    beside = world.new_control(is_sole=False)
    await beside.start(is_background=False)
    assert beside.leadership.epoch is None
    submitted = await world.release("bot", "v1.1.0", bake="20s")
    await world.until(submitted.id, "promoting.soaking")
    await beside.operations.command(submitted.id, "pause", actor=ALICE)  # whoever stands by takes commands
    await world.advance(1)
    assert (await world.look(submitted.id)).pause_reasons == ("manual",)
    await beside.operations.command(submitted.id, "resume", actor=ALICE, if_match=(await world.look(submitted.id)).etag)
    await world.advance(1)
    assert not await beside.controller.reconcile()
    await world.crash()
    world.clock.advance(timedelta(seconds=11))
    world.control = beside
    world.beat()
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new
    assert world.control.publisher.current.epoch == 2


async def test_what_comes_to_whoever_stands_by_counts_as_if_it_had_come_to_the_leader(world):
    """Batches go to the two in turn, some to both: the step is judged by all of them, once each."""
    await world.service("bot", "1.0.0", "1.1.0")
    beside = world.new_control(is_sole=False)
    await beside.start(is_background=False)
    leading = world.control
    steps = [{"split": "50%", "soak": "10s"}, {"split": "60%", "soak": "1h"}]
    submitted = await world.release(
        "bot",
        "v1.1.0",
        strategy={"canary": {"steps": steps}},
        guardrails=[{"metric": "error_rate", "max_increase": "20%"}],
        analysis={"min_samples": 50},
    )
    await world.until(submitted.id, "progressing.soaking")
    sent = []
    for turn in range(8):
        for gateway in world.gateways:
            batch = gateway.observe("bot", 25)
            sent.append(batch)
            taking = (beside, leading)[turn % 2]
            assert await taking.store(batch)
            assert not await (leading, beside)[turn % 2].store(batch)
    counts = await read_counts_of(world, submitted.id)
    assert sum(counted.window.requests for counted in counts.values()) == sum(map(len, sent)) == 400
    assert sum(counted.early.requests for counted in counts.values()) == 0
    assert sum(counted.compared.units for counted in counts.values()) == 400
    await world.advance(12)
    seen = await world.look(submitted.id)
    assert (seen.step, seen.phase) == (1, "progressing"), [verdict.sentence for verdict in seen.verdicts]
    await beside.stop()
    await world.close_databases(beside)


async def test_reports_that_go_to_whoever_stands_by_keep_the_dead_mans_switch_still(world):
    await world.service("bot", "1.0.0", "1.1.0")
    beside = world.new_control(is_sole=False)
    await beside.start(is_background=False)
    submitted = await world.release("bot", "v1.1.0", bake="1h")
    await world.until(submitted.id, "promoting.soaking")
    for _ in range(8):
        for gateway in world.gateways:
            gateway.in_flight = {submitted.version: 1}
            await beside.store(gateway.observe("bot", 1))
        await long_pass(world, 100)
    assert (await world.look(submitted.id)).phase == "promoting"
    await beside.stop()
    await world.close_databases(beside)
    for _ in range(8):
        await long_pass(world, 100)  # and when nobody hears anything any more it acts
    assert (await world.look(submitted.id)).breach.trigger == "metrics_stale"


async def long_pass(world: World, seconds: float) -> None:
    world.clock.advance(timedelta(seconds=seconds))
    world.beat()
    await world.settle()


# Data ---------------------------------------------------------------------------------------------------------


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


# Routing ------------------------------------------------------------------------------------------------------


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


# Providers ----------------------------------------------------------------------------------------------------


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


# Lifecycle ----------------------------------------------------------------------------------------------------

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


ARMS = {"control": "@stable", "new": "v1.1.0"}


def unnamed(count: int) -> list:
    return [
        observation(request_id=f"req_{n}", unit_hash=n, has_own_unit=True, propensity=10_000, started_at_us=n)
        for n in range(count)
    ]


async def test_a_unit_that_no_caller_names_is_refused_once_that_is_known(world):
    await world.service("bot", "1.0.0", "1.1.0")
    asked = {"strategy": SPLIT, "assignment": {"unit": "conversation"}}
    await world.control.store(batch(unnamed(99), 1))
    early = await world.release("bot", "v1.1.0", **asked)  # too few requests to tell anything
    await world.control.operations.command(early.id, "abort", actor=ALICE)
    await world.until(early.id, "rejected", "rolled_back")
    await world.control.store(batch(unnamed(100), 2))
    with pytest.raises(InvalidInputError, match="names a conversation") as caught:
        await world.release("bot", "v1.1.0", **asked)
    assert caught.value.code == "unnamed_units"
    assert "metadata.conversation_id" in caught.value.remedy
    await world.control.store(batch([msgspec.structs.replace(unnamed(1)[0], has_own_unit=False)], 3))
    assert (await world.release("bot", "v1.1.0", **asked)).phase == "pending"  # somebody does


@pytest.mark.parametrize(
    ("asked", "unit"),
    [
        ({"strategy": "ab_test", "objectives": [{"metric": "cost_per_request"}], "variants": ARMS}, "user"),
        ({"strategy": "bandit", "objectives": [{"metric": "cost_per_request"}], "variants": ARMS}, "user"),
        ({"strategy": {"interleave": {"mode": "turn"}}, "version": "v1.1.0"}, "conversation"),
    ],
)
async def test_an_experiment_on_units_that_nobody_names_is_refused(world, asked, unit):
    await world.service("bot", "1.0.0", "1.1.0")
    await world.control.store(batch(unnamed(100), 1))
    spec = parse_release({"service": "bot", **asked})
    with pytest.raises(InvalidInputError, match=f"names a {unit}"):
        await world.control.operations.submit_release(spec, actor=ALICE)
    spec = parse_release(
        {
            "service": "bot",
            **asked,
            "strategy": {"interleave": {}},
            "objectives": [],
            "variants": {},
            "version": "v1.1.0",
        }
    )
    assert (await world.control.operations.submit_release(spec, actor=ALICE)).phase == "pending"  # both answers to each
