"""A story for every transition forward: what it waits for, and what follows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.delivery.release_world import (
    CUTOFF,
    NEW,
    OLD,
    SOAKING,
    World,
    baking,
    command,
    draining,
    names,
    traffic,
)

from tidegate.delivery.commands import CloseIncident, CommitStable, TearDown
from tidegate.delivery.facts import ProbeResult
from tidegate.delivery.release import Phase, SubPhase


def test_t1_a_release_starts_and_its_candidate_is_deployed_with_weight_zero():
    world = World()
    world.ready = None
    decision = world.step()
    assert world.history() == ["T1 started"]
    assert names(decision) == ["Notify", "WriteRouting", "Deploy"]
    assert [(v.name, v.weight) for v in world.published.variants] == [("stable", 10_000), ("candidate", 0)]
    assert world.state.deadline_at == world.now + timedelta(hours=36)


@pytest.mark.parametrize("obstacle", ["other", "is_frozen"])
def test_t1_waits_for_a_running_release_and_for_a_freeze(obstacle):
    world = World()
    setattr(world, obstacle, "rel_0" if obstacle == "other" else True)
    world.step()
    assert world.place == (Phase.PENDING, None)
    setattr(world, obstacle, None if obstacle == "other" else False)
    world.step()
    assert world.place == (Phase.GATING, None)


def test_t1_takes_the_stable_version_of_the_moment_it_starts():
    world = World()
    world.stable = "bot/v1.0.5-33333333"
    assert world.step().state.stable == "bot/v1.0.5-33333333"


def test_probes_are_asked_for_until_they_are_answered_but_only_once_every_gateway_knows_the_candidate():
    world = World().reach(Phase.GATING)
    world.probe = None
    world.acknowledged = dict.fromkeys(world.acknowledged, (1, 1))
    assert names(world.step()) == []
    world.acknowledge()
    first, again = world.step(), world.step()
    assert names(first) == names(again) == ["RunProbe"]
    assert first.commands[0].key == again.commands[0].key == "rel_1/1/0/run_probe"


def test_t2_answered_probes_lead_to_all_traffic_at_once_for_direct():
    world = World().reach(Phase.GATING)
    world.acknowledge()
    world.answer_probes()
    world.step()
    assert world.history()[-1] == "T2 probes_passed"
    assert world.place == (Phase.PROMOTING, SubPhase.APPLYING)
    assert world.published.variants[1].weight == 10_000
    assert world.published.variants[0].weight == 0  # stays for rescues


def test_t2_does_not_accept_fewer_probes_than_asked_for_nor_those_of_another_attempt():
    world = World().reach(Phase.GATING)
    for probe in (ProbeResult(attempt=1, answered=4, failed=0), ProbeResult(attempt=2, answered=5, failed=0)):
        world.probe = probe
        world.step()
        assert world.state.phase is Phase.GATING


def test_t4_the_written_revision_is_remembered_and_until_then_the_write_is_asked_for_again():
    world = World().reach(Phase.PROMOTING, SubPhase.APPLYING)
    published, world.published = world.published, world.published.__class__(name="bot")  # edited by hand
    first, second = world.step(carry_out=False), world.step(carry_out=False)
    assert names(first) == names(second) == ["WriteRouting"]
    assert first.commands[0].key == second.commands[0].key
    world.published = published
    world.step()
    assert world.history()[-1] == "T4 routing_written"
    assert world.state.awaited_revision == world.revision


def test_t5_every_live_gateway_must_serve_the_revision_and_only_then_the_window_starts():
    world = World().reach(Phase.PROMOTING, SubPhase.VERIFYING)
    world.acknowledge("gw0")
    world.wait(5)
    world.step()
    assert world.place == (Phase.PROMOTING, SubPhase.VERIFYING)
    world.acknowledge("gw1")
    world.wait(5)
    world.step()
    assert world.history()[-1] == "T5 verified"
    assert world.state.window_opened_at == world.now
    assert world.state.soak_until == world.now + timedelta(seconds=30)


def test_t5_needs_at_least_one_gateway():
    world = World(gateways=1).reach(Phase.PROMOTING, SubPhase.VERIFYING)
    world.acknowledged = {}
    world.step()
    assert world.place == (Phase.PROMOTING, SubPhase.VERIFYING)


def test_t6_the_soak_ends_when_it_ends_whatever_the_number_of_restarts():
    world = baking()
    until = world.state.soak_until
    for _ in range(50):
        world.step()
    assert world.state.soak_until == until
    world.now = until - timedelta(microseconds=1)
    world.step()
    assert world.place == (Phase.PROMOTING, SOAKING)
    world.wait(0.000001)
    world.step()
    assert "T6 soaked" in world.history()


def test_t10_commits_both_pointers_in_the_transaction_and_keeps_the_route_as_it_was():
    world = baking()
    world.serve(traffic(50))
    world.wait(30)
    decision = world.step()
    assert world.history()[-1] == "T10 promoted"
    commit = command(decision, CommitStable)
    assert (commit.stable, commit.previous, commit.is_record) == (NEW, OLD, True)
    assert world.published.release.on_lease_expiry == "hold"
    assert [(v.version, v.weight) for v in world.published.variants] == [(OLD, 0), (NEW, 10_000)]


def test_t12_waits_for_keep_warm_and_then_for_requests_at_the_old_version():
    world = draining(keep_warm="1h")
    world.in_flight = {OLD: 1}
    world.wait(3_599)
    world.step()
    assert world.state.phase is Phase.DRAINING
    world.wait(1)
    world.step()
    assert world.state.phase is Phase.DRAINING
    world.in_flight = {}
    decision = world.step()
    assert world.history()[-1] == "T12 drained"
    assert command(decision, TearDown).version == OLD
    assert [(v.version, v.weight) for v in world.published.variants] == [(NEW, 10_000)]


def test_t12_gives_up_on_endless_requests():
    world = draining(keep_warm="0s")
    world.in_flight = {OLD: 1}
    world.wait(300)
    world.step()
    assert world.history()[-1] == "T12 drain_timeout"


def test_t13_waits_for_every_acknowledgement_and_for_the_candidates_requests_and_measures_time_to_stable():
    world = baking()
    world.cutoffs, world.in_flight = (CUTOFF,), {NEW: 1}
    world.step()
    world.wait(2)
    world.acknowledge("gw0")
    world.step()
    assert world.state.stable_at is None
    world.wait(1)
    world.acknowledge("gw1")
    world.step()
    assert world.state.time_to_stable == timedelta(seconds=3)
    assert world.state.phase is Phase.ROLLING_BACK
    world.wait(100)
    world.in_flight = {}
    decision = world.step()
    assert world.history()[-1] == "T13 stable_restored"
    assert command(decision, CloseIncident).time_to_stable_seconds == 3
    assert command(decision, TearDown).version == NEW


def test_t13_does_not_wait_for_ever_for_an_endless_stream():
    world = baking()
    world.in_flight = {NEW: 1}
    world.ask("abort")
    world.acknowledge()
    world.wait(300)
    world.step()
    assert world.history()[-1] == "T13 drain_timeout"
