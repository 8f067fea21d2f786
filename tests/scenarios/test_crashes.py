"""What a release survives: processes that die at the worst moment, leaders that wake up late, clocks that jump."""

from datetime import timedelta

import pytest
from tests.scenarios.world import ALICE, World

from tidegate.controller import loop
from tidegate.controller.committing import Lead, commit_decision
from tidegate.delivery.decision import Decision
from tidegate.delivery.facts import Facts
from tidegate.registry.cluster import StaleLeaderError


class PulledPlugError(Exception):
    """The process died here."""


async def test_killed_after_the_commit_before_the_routing_write(world, monkeypatch):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s")
    await world.step_until(submitted.id, "gating")

    async def die(self, made) -> None:
        if made.decision.state.phase == "promoting":
            raise PulledPlugError
        await real(self, made)

    real = loop.Controller._carry_out
    monkeypatch.setattr(loop.Controller, "_carry_out", die)
    await world.step_until(submitted.id, "promoting.applying")
    assert world.weights("bot") == {old: 10_000, new: 0}
    monkeypatch.setattr(loop.Controller, "_carry_out", real)
    await world.restart()
    assert world.weights("bot") == {old: 0, new: 10_000}
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new


async def test_killed_after_the_routing_write_before_recording_it(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="5s")
    await world.step_until(submitted.id, "gating")
    await world.step_until(submitted.id, "promoting.applying")
    assert world.weights("bot") == {old: 0, new: 10_000}
    await world.restart()
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new
    codes = await world.codes(submitted.id)
    assert [codes.count(code) for code in ("routing_written", "verified", "promoted_without_data")] == [1, 1, 1]


async def test_killed_between_the_commit_of_stable_and_the_drain(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="2s")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[0].in_flight = {old: 3}
    await world.until(submitted.id, "draining")
    await world.restart()
    assert await world.stable("bot") == new
    assert (await world.look(submitted.id)).phase == "draining"
    world.gateways[0].in_flight = {}
    await world.until(submitted.id, "succeeded")


async def test_killed_while_rolling_back_the_candidate_stays_without_traffic(world):
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")
    world.gateways[0].in_flight = {new: 1}
    await world.gateways[0].serve("bot", 200, lambda version: version == new)
    await world.advance(1)
    assert (await world.look(submitted.id)).phase == "rolling_back"
    await world.restart()
    assert world.weights("bot") == {old: 10_000}
    world.gateways[0].in_flight = {}
    await world.until(submitted.id, "rolled_back")
    assert len(await world.control.queries.incidents()) == 1


async def test_killed_in_the_middle_of_a_commit_nothing_of_it_is_kept(world, monkeypatch):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    before = await world.codes(submitted.id)

    async def die(*_args, **_options) -> None:
        raise PulledPlugError

    monkeypatch.setattr("tidegate.controller.committing.outbox.put", die)
    await world.control.controller.reconcile()
    monkeypatch.undo()
    await world.restart()
    assert (await world.look(submitted.id)).phase == "pending"
    assert await world.codes(submitted.id) == before
    assert await world.is_audit_whole()


async def test_fifty_restarts_neither_shorten_nor_extend_a_soak(world):
    _old, _new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="60s")
    until = (await world.until(submitted.id, "promoting.soaking")).soak_until
    for _ in range(50):
        world.clock.advance(timedelta(seconds=1))
        await world.restart()
        await world.control.controller.reconcile()
    view = await world.look(submitted.id)
    assert (view.phase, view.sub_phase) == ("promoting", "soaking")
    paused = view.soak_until is None  # a gateway nobody has heard of since the takeover stops the soak clock
    assert paused or view.soak_until >= until
    await world.until(submitted.id, "succeeded", at_most=90)
    codes = await world.codes(submitted.id)
    assert codes.count("promoted_without_data") == 1


async def test_an_old_leader_that_wakes_up_late_writes_and_publishes_nothing(world):
    _old, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.step_until(submitted.id, "gating")
    asleep = world.control
    (cases,) = (await asleep.controller._gatherer.gather(asleep.leadership.epoch, lambda _: timedelta())).values()
    await world.start()
    world.beat()
    awake = world.control
    decision = Decision(state=cases[0].row.state)
    lead = Lead(asleep.leadership.leader, asleep.leadership.epoch)
    with pytest.raises(StaleLeaderError):
        async with asleep.state.write() as connection:
            await commit_decision(
                connection, lead, cases[0], decision, hearers=asleep.controller._hearers, now=world.clock.now()
            )
    world.clock.advance(timedelta(seconds=5))
    world.beat()
    await awake.controller.reconcile()
    assert not await asleep.controller.reconcile()
    assert asleep.leadership.epoch is None
    assert asleep.publisher._renewal() is not None  # it passes on that the cluster is led
    world.clock.advance(timedelta(seconds=11))
    assert asleep.publisher._renewal() is None
    await asleep.effects.stop()
    await world.close_databases(asleep)
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new


async def test_a_database_restored_from_yesterday_rises_above_the_gateways(world):
    await world.service("bot", "1.0.0")
    for gateway in world.gateways:
        gateway.refuses = lambda _: True
        gateway.snapshot = type(world.control.publisher.current)(revision=5000, epoch=40)
    await world.settle()
    assert world.control.publisher.current.epoch > 40
    assert world.control.publisher.current.revision > 5000


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_jump_shifts_every_deadline_and_is_told(world, hours):
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="30s")
    before = await world.until(submitted.id, "promoting.soaking")
    await world.advance(10)
    world.clock.jump(timedelta(hours=hours))
    await world.settle()
    after = await world.look(submitted.id)
    assert after.soak_until - before.soak_until == timedelta(hours=hours)
    assert after.deadline_at - before.deadline_at == timedelta(hours=hours)
    assert (await world.codes(submitted.id)).count("clock_jump") == 1
    await world.advance(18)
    assert (await world.look(submitted.id)).phase == "promoting"
    await world.until(submitted.id, "succeeded", at_most=5)


async def test_a_gateway_that_never_acknowledges_stops_the_way_forward_but_not_the_way_back(world):
    old, _new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    world.gateways[1].refuses = lambda snapshot: any(arm.weight for arm in snapshot.services["bot"].variants[1:])
    await world.advance(30)
    assert (await world.look(submitted.id)).sub_phase == "verifying"
    assert await world.stable("bot") == old
    world.gateways[1].refuses = lambda _: True
    await world.control.operations.command(submitted.id, "abort", actor=ALICE)
    await world.advance(30)
    assert world.weights("bot") == {old: 10_000}
    assert (await world.look(submitted.id)).phase == "rolling_back"
    world.gateways[1].refuses = lambda _: False
    await world.until(submitted.id, "rolled_back")


async def test_a_partitioned_gateway_leaves_the_quorum_when_its_lease_has_run_out(world):
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", bake="2s")
    await world.step_until(submitted.id, "gating")
    world.gateways[1].is_reachable = False
    await world.advance(10)
    assert (await world.look(submitted.id)).phase in {"gating", "promoting"}
    assert await world.stable("bot") != new
    await world.until(submitted.id, "succeeded", at_most=20)


async def test_without_any_gateway_probes_are_asked_again_until_the_deadline(tmp_path):
    world = await World.create(tmp_path, gateways=0)
    old, _new = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0", probe={"requests": 1, "timeout": "20s"})
    await world.advance(19)
    assert (await world.look(submitted.id)).phase == "gating"
    await world.until(submitted.id, "rejected", at_most=3)
    assert "gate_timeout" in await world.codes(submitted.id)
    assert world.probed == []
    assert await world.stable("bot") == old
    await world.close()


async def test_a_probe_that_nobody_answers_is_no_data_and_is_repeated(world, monkeypatch):
    monkeypatch.setattr("tidegate.controller.effects._RETRY_SECONDS", 0)
    _, new = await world.service("bot", "1.0.0", "1.1.0")
    world.unanswered = True
    submitted = await world.release("bot", "v1.1.0", bake="2s")
    await world.advance(5)
    assert (await world.look(submitted.id)).phase == "gating"
    world.unanswered = False
    await world.until(submitted.id, "succeeded")
    assert await world.stable("bot") == new


async def test_one_release_that_cannot_be_decided_delays_nobody(world, monkeypatch):
    await world.service("bot", "1.0.0", "1.1.0")
    await world.service("shop", "1.0.0", "1.1.0")
    broken = await world.release("bot", "v1.1.0")
    good = await world.release("shop", "v1.1.0", bake="2s")
    real = loop.decide

    def decide(spec, state, intents, facts, now):
        if state.id == broken.id:
            raise PulledPlugError
        return real(spec, state, intents, facts, now)

    monkeypatch.setattr(loop, "decide", decide)
    await world.until(good.id, "succeeded")
    assert (await world.look(broken.id)).phase == "pending"


async def test_counts_that_cannot_be_read_are_no_data_and_stop_no_abort(world, monkeypatch):
    old, _ = await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release("bot", "v1.1.0")
    await world.until(submitted.id, "promoting.soaking")

    async def fail(*_args) -> None:
        raise OSError("the observations database is gone")

    monkeypatch.setattr("tidegate.controller.gathering.observations.read_counts", fail)
    await world.advance(3)
    await world.control.operations.command(submitted.id, "abort", actor=ALICE)
    await world.settle()
    assert world.weights("bot") == {old: 10_000}


async def test_after_a_restart_the_gateways_of_before_are_waited_for_and_no_others(world):
    await world.service("bot", "1.0.0", "1.1.0")
    await world.settle()
    world.gateways[1].is_reachable = False
    await world.crash()
    await world.start()
    world.beat()
    table = world.control.publisher.current

    def is_acknowledged() -> bool:
        facts = Facts(epoch=table.epoch, stable=None, gateways=world.control.gateways.facts())
        return facts.is_acknowledged(table.epoch, table.revision)

    assert not is_acknowledged()
    world.gateways[1].is_reachable = True
    world.beat()
    assert is_acknowledged()
