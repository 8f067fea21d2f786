"""A story for every way back that no person asked for."""

from __future__ import annotations

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

from tidegate.delivery.commands import OpenIncident
from tidegate.delivery.facts import NewerRelease
from tidegate.delivery.release import CANDIDATE, Phase, SubPhase
from tidegate.delivery.snapshot import Cutoff


def test_t3_a_failed_probe_rejects_and_no_user_was_served():
    world = World().reach(Phase.GATING)
    world.answer_probes(failed=1)
    decision = world.step()
    assert world.history()[-1] == "T3 probe_failed"
    assert "failed 1 of its probes" in decision.transitions[0].sentence
    assert names(decision) == ["TearDown", "Notify", "WriteRouting"]
    assert not any(isinstance(found, OpenIncident) for found in decision.commands)


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lambda w: setattr(w, "ready", False), "deploy_failed"),
        (lambda w: w.wait(901), "gate_timeout"),
        (lambda w: setattr(w, "stable", "bot/v9.0.0-99999999"), "stable_changed_before_traffic"),
    ],
)
def test_t3_gating_ends_in_rejected(happens, code):
    world = World().reach(Phase.GATING)
    happens(world)
    world.step()
    assert world.history()[-1] == f"T3 {code}"
    assert world.state.phase is Phase.REJECTED


def test_t3_the_policy_reject_gives_way_to_a_running_release():
    world = World(when_running="reject")
    world.other = "rel_0"
    world.step()
    assert world.history() == ["T3 refused_while_running"]


@pytest.mark.parametrize("sub_phase", [SubPhase.APPLYING, SubPhase.VERIFYING, SOAKING])
def test_t9_a_hard_limit_rolls_back_at_once_and_opens_an_incident_with_evidence(sub_phase):
    world = World().reach(Phase.PROMOTING, sub_phase)
    world.wait(1)
    world.serve(traffic(20, failed=15))
    decision = world.step()
    assert world.history()[-1] == "T9 hard_limit"
    incident = command(decision, OpenIncident)
    assert (incident.trigger, incident.exposed_requests) == ("hard_limit", 35)
    assert incident.evidence[0].metric == "error_rate"
    assert names(decision)[-1] == "WriteRouting"
    assert [(v.version, v.weight) for v in world.published.variants] == [(OLD, 10_000)]


def test_t9_a_cutoff_reported_by_one_gateway_is_a_trigger_and_one_of_another_attempt_is_not():
    world = baking()
    world.cutoffs = (Cutoff(service="bot", release="rel_1", attempt=2, variant=CANDIDATE, failures=5, reason="x"),)
    world.step()
    assert world.state.phase is Phase.PROMOTING
    world.cutoffs = (CUTOFF,)
    decision = world.step()
    assert world.history()[-1] == "T9 cut_off"
    assert "after 5 hard failures in a row (timeout)" in decision.transitions[-1].sentence


def test_t9_a_candidate_that_is_gone_rolls_back():
    world = baking()
    world.ready = False
    world.step()
    assert world.history()[-1] == "T9 candidate_lost"


def test_t9_deadline_and_a_pause_that_nobody_ends():
    world = baking(rollback={"deadline": "10m", "max_paused": "5m"}, strategy={"direct": {"promote": {"bake": "1h"}}})
    world.wait(600)
    world.step()
    assert world.history()[-1] == "T9 deadline"
    world = baking(rollback={"max_paused": "5m"})
    world.ask("pause")
    world.wait(300)
    world.step()
    assert world.history()[-1] == "T9 paused_too_long"


def test_t9_rollback_rules_stay_armed_while_paused():
    world = baking()
    world.ask("pause")
    world.serve(traffic(0, failed=20))
    world.wait(1)
    world.step()
    assert world.history()[-1] == "T9 hard_limit"


def test_t9_a_stable_version_changed_under_the_release_ends_it():
    world = baking()
    world.stable = "bot/v9.0.0-99999999"
    world.step()
    assert world.history()[-1] == "T9 stable_changed"


def test_t11_a_breach_while_draining_swaps_back_with_an_incident():
    world = draining()
    world.serve(traffic(0, failed=40))
    world.wait(1)
    decision = world.step()
    assert world.history()[-1] == "T11 hard_limit"
    assert {"SwapBack", "OpenIncident"} <= set(names(decision))


def test_t15_a_newer_release_ends_draining_at_once():
    world = draining()
    world.newer = NewerRelease(id="rel_2", candidate="bot/v2.0.0-33333333", when_running="queue")
    world.step()
    assert world.history()[-1] == "T15 newer_release"
    assert world.state.phase is Phase.SUCCEEDED


@pytest.mark.parametrize("place", [(Phase.GATING, None), (Phase.PROMOTING, SOAKING)])
def test_t14_a_superseding_release_takes_the_place_and_this_one_lands_in_superseded(place):
    world = World().reach(*place)
    world.newer = NewerRelease(id="rel_2", candidate="bot/v2.0.0-33333333", when_running="queue")
    world.step()
    assert world.place == place or world.state.phase is Phase.PROMOTING  # queueing changes nothing
    world.newer = NewerRelease(id="rel_2", candidate="bot/v2.0.0-33333333", when_running="supersede")
    world.step()
    assert world.history()[-1] == "T14 superseded"
    world.acknowledge()
    world.step()
    assert world.state.phase is Phase.SUPERSEDED


def test_t16_submitting_the_stable_version_ends_the_running_release():
    world = baking()
    world.newer = NewerRelease(id="rel_2", candidate=OLD, when_running="queue")
    world.step()
    assert world.history()[-1] == "T16 stable_submitted"
    world = World().reach(Phase.GATING)
    world.newer = NewerRelease(id="rel_2", candidate=OLD, when_running="queue")
    world.step()
    assert world.history()[-1] == "T16 stable_submitted_before_traffic"


def test_t16_without_a_running_release_submitting_the_stable_version_does_nothing():
    world = World()
    world.stable = NEW
    world.step()
    assert world.history() == ["T16 already_stable"]
