"""One story per transition of the table: given where the release is, when this happens, then that follows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.delivery.release_world import NEW, OLD, World, names, traffic

from tidegate.delivery import decide as engine
from tidegate.delivery.commands import CloseIncident, CommitStable, OpenIncident, SwapBack, TearDown
from tidegate.delivery.facts import NewerRelease, ProbeResult
from tidegate.delivery.quantities import Seconds
from tidegate.delivery.release import CANDIDATE, PauseReason, Phase, SubPhase
from tidegate.delivery.snapshot import Cutoff
from tidegate.delivery.steps import Approve, Program, Promote, Split
from tidegate.stats.verdict import Verdict

SOAKING, JUDGING = SubPhase.SOAKING, SubPhase.JUDGING
CUTOFF = Cutoff(service="bot", release="rel_1", attempt=1, variant=CANDIDATE, failures=5, reason="timeout")


def command(decision, kind):
    return next(found for found in decision.commands if isinstance(found, kind))


def baking(**document) -> World:
    return World(**document).reach(Phase.PROMOTING, SOAKING)


def draining(keep_warm: str = "1h", **document) -> World:
    document = {"strategy": {"direct": {"promote": {"keep_warm": keep_warm}}}, **document}
    return World(**document).reach(Phase.DRAINING)


# T1 ---------------------------------------------------------------------------------------------------------


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


# T2, T3 -----------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.GATING])
def test_t3_abort_before_traffic_rejects_without_an_incident(phase):
    world = World().reach(phase)
    decision = world.ask("abort")
    assert world.history()[-1] == "T3 aborted_before_traffic"
    assert decision.transitions[-1].actor == "ann"
    assert "OpenIncident" not in names(decision)


def test_t3_the_policy_reject_gives_way_to_a_running_release():
    world = World(when_running="reject")
    world.other = "rel_0"
    world.step()
    assert world.history() == ["T3 refused_while_running"]


# T4, T5, T6 -------------------------------------------------------------------------------------------------


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


# T8 ---------------------------------------------------------------------------------------------------------


def test_t8_without_traffic_a_direct_release_is_promoted_with_a_note():
    world = baking()
    world.wait(30)
    decision = world.step()
    assert world.history()[-1] == "T10 promoted_without_data"
    assert "Note: too few user requests to judge (0); 5 probes answered." in decision.transitions[-1].sentence
    assert world.log[-1].state.verdict is Verdict.NO_DATA


def test_t8_extend_is_bounded_and_accumulates_samples_then_the_release_pauses():
    world = baking(analysis={"on_no_data": "extend", "max_extensions": 2, "min_samples": 10, "interval": "1s"})
    for expected in (SOAKING, SOAKING, JUDGING):
        world.serve(traffic(1))
        world.wait(30)
        world.step()
        assert world.state.sub_phase is expected
    assert world.state.samples == 3
    assert world.state.pause_reasons == (PauseReason.NO_DATA,)
    assert world.history().count("T8 extended") == 2


def test_t8_resuming_after_a_lack_of_data_soaks_again_and_enough_data_passes():
    world = baking(analysis={"on_no_data": "pause", "min_samples": 10, "interval": "1s"})
    world.wait(30)
    world.step()
    assert world.state.pause_reasons == (PauseReason.NO_DATA,)
    world.ask("resume")
    assert world.place == (Phase.PROMOTING, SOAKING)
    world.serve(traffic(10))
    world.wait(30)
    world.step()
    assert world.history()[-1] == "T10 promoted"


def test_t8_no_data_can_roll_back():
    world = baking(analysis={"on_no_data": "rollback", "interval": "1s"})
    world.wait(30)
    world.step()
    assert world.history()[-1] == "T8 no_data"
    assert world.state.breach.opens_incident


def test_requests_before_the_window_opened_are_no_samples():
    world = World(analysis={"min_samples": 5, "interval": "1s", "on_no_data": "pause"})
    world.reach(Phase.PROMOTING, SubPhase.VERIFYING)
    world.serve(traffic(100))
    world.reach(Phase.PROMOTING, SOAKING)
    world.wait(30)
    world.step()
    assert world.state.samples == 0
    assert world.state.pause_reasons == (PauseReason.NO_DATA,)


def test_counts_that_cannot_be_read_are_no_data_and_never_a_pass():
    world = baking(analysis={"on_no_data": "pause", "interval": "1s"})
    world.serve(traffic(100))
    world.are_counts_readable = False
    world.wait(30)
    world.step()
    assert world.state.pause_reasons == (PauseReason.NO_DATA,)
    assert world.state.verdicts[0].code == "counts_unavailable"


# T9 ---------------------------------------------------------------------------------------------------------


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


def test_t9_a_dry_run_guardrail_is_judged_and_never_acts():
    world = baking(guardrails=[{"metric": "error_rate", "hard": "> 5%", "dry_run": True}])
    world.serve(traffic(0, failed=50))
    world.wait(1)
    world.step()
    assert world.state.phase is Phase.PROMOTING
    assert world.state.verdicts[0].verdict is Verdict.FAIL


def test_t9_what_the_version_cannot_be_blamed_for_does_not_count():
    world = baking()
    world.serve(traffic(10, cancelled=100, caller_error=100, internal_error=100))
    world.wait(30)
    world.step()
    assert world.history()[-1] == "T10 promoted"


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


@pytest.mark.parametrize(("spool", "in_flight", "patience"), [(3, 0, 60), (0, 2, 330)])
def test_t9_the_dead_mans_switch_fires_when_reports_do_not_arrive(spool, in_flight, patience):
    world = baking(strategy={"direct": {"promote": {"bake": "1h"}}})
    world.spool, world.in_flight = spool, {NEW: in_flight}
    world.step()
    world.wait(patience - 1)
    world.step()
    assert world.state.phase is Phase.PROMOTING
    world.wait(1)
    world.step()
    assert world.history()[-1] == "T9 metrics_stale"


def test_t9_a_busy_service_that_reports_is_never_stale():
    world = baking(strategy={"direct": {"promote": {"bake": "1h"}}})
    world.in_flight = {NEW: 4}
    for _ in range(100):
        world.wait(10)
        world.observed_at = world.now
        world.step()
    assert world.state.phase is Phase.PROMOTING


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


def test_t9_abort_opens_no_incident_and_is_idempotent():
    world = baking()
    decision = world.ask("abort")
    assert world.history()[-1] == "T9 aborted"
    assert "OpenIncident" not in names(decision)
    world.ask("abort")
    assert world.history()[-1] == "N1 already_rolling_back"
    world.reach(Phase.ROLLED_BACK)
    world.ask("abort")
    assert world.history()[-1] == "N1 already_ended"


def test_t9_abort_wins_against_a_promote_of_the_same_pass_that_came_first():
    world = baking()
    world.step(world.intent("promote", full=True), world.intent("abort"))
    assert world.history()[-2:] == ["T9 aborted", "N1 already_rolling_back"]


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


# T10, T11, T12, T15 -----------------------------------------------------------------------------------------


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


def test_t10_waits_while_paused_and_the_soak_clock_stands_still():
    world = baking()
    world.wait(20)
    world.ask("pause")
    world.wait(3_600)
    world.step()
    assert world.state.soak_left == timedelta(seconds=10)
    world.ask("resume")
    world.wait(9)
    world.step()
    assert world.place == (Phase.PROMOTING, SOAKING)
    world.wait(1)
    world.step()
    assert world.state.phase is Phase.DRAINING


def test_promote_full_never_cuts_the_bake_short():
    world = baking()
    world.ask("promote", full=True)
    assert world.place == (Phase.PROMOTING, SOAKING)


@pytest.mark.parametrize("kind", ["abort", "rollback"])
def test_t11_a_person_takes_the_way_back_while_the_old_version_is_warm(kind):
    world = draining()
    decision = world.ask(kind)
    assert world.history()[-1] == "T11 rollback_requested"
    swap = command(decision, SwapBack)
    assert (swap.stable, swap.previous) == (OLD, NEW)
    assert [(v.version, v.weight) for v in world.published.variants] == [(OLD, 10_000)]


def test_t11_a_breach_while_draining_swaps_back_with_an_incident():
    world = draining()
    world.serve(traffic(0, failed=40))
    world.wait(1)
    decision = world.step()
    assert world.history()[-1] == "T11 hard_limit"
    assert {"SwapBack", "OpenIncident"} <= set(names(decision))


def test_t11_the_first_version_of_a_service_has_no_way_back_after_the_commit():
    world = World(stable=None).reach(Phase.DRAINING)
    world.ask("rollback")
    assert world.history()[-2:] == ["N1 nothing_to_return_to", "T12 drained"]


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


def test_t15_a_newer_release_ends_draining_at_once():
    world = draining()
    world.newer = NewerRelease(id="rel_2", candidate="bot/v2.0.0-33333333", when_running="queue")
    world.step()
    assert world.history()[-1] == "T15 newer_release"
    assert world.state.phase is Phase.SUCCEEDED


# T13 --------------------------------------------------------------------------------------------------------


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


# T14, T16, T17 ----------------------------------------------------------------------------------------------


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


def test_t17_a_retry_needs_a_reason_and_starts_with_fresh_verdicts():
    world = baking()
    world.serve(traffic(0, failed=20))
    world.wait(1)
    world.step()
    world.reach(Phase.ROLLED_BACK)
    world.ask("retry", reason=" ")
    assert world.history()[-1] == "N1 reason_missing"
    world.ask("retry", reason="the provider is back")
    assert world.history()[-1] == "T17 retried"
    state = world.state
    assert (state.attempt, state.phase, state.verdicts, state.breach, state.probe_samples) == (
        2,
        Phase.PENDING,
        (),
        None,
        0,
    )
    world.reach(Phase.SUCCEEDED)


def test_t17_after_an_automatic_rollback_the_cooldown_is_waited_for():
    world = baking(rollback={"cooldown": "1h"})
    world.cutoffs = (CUTOFF,)
    world.step()
    world.reach(Phase.ROLLED_BACK)
    ended = world.state.ended_at
    world.wait(60)
    world.ask("retry")
    world.now = ended + timedelta(minutes=59)
    world.step()
    assert world.state.phase is Phase.PENDING
    world.wait(60)
    world.step()
    assert world.state.phase is Phase.GATING


# The overlay, the clock -------------------------------------------------------------------------------------


def test_a_freeze_sends_everything_to_stable_and_the_window_begins_anew_after_it():
    world = baking()
    world.wait(29)
    world.is_frozen = True
    world.step()
    assert world.state.pause_reasons == (PauseReason.FREEZE,)
    assert [(v.version, v.weight) for v in world.published.variants] == [(OLD, 10_000)]
    world.acknowledge()
    world.wait(600)
    world.step()
    assert world.state.phase is Phase.PROMOTING
    world.is_frozen = False
    world.step()
    assert world.history()[-1] == "P2 unfrozen"
    assert world.place == (Phase.PROMOTING, SubPhase.APPLYING)
    world.reach(Phase.PROMOTING, SOAKING)
    assert world.state.soak_until >= world.now


def test_a_gateway_that_falls_back_stops_the_soak_until_it_is_verified_again():
    world = baking()
    world.acknowledged["gw1"] = (1, 1)
    world.wait(10)
    world.step()
    assert world.state.pause_reasons == (PauseReason.UNVERIFIED,)
    world.wait(1_000)
    world.acknowledge()
    world.step()
    assert world.state.soak_until == world.now + timedelta(seconds=20)


def test_a_person_cannot_lift_a_freeze():
    world = baking()
    world.is_frozen = True
    world.step()
    world.ask("resume")
    assert world.history()[-1] == "N1 not_paused"
    assert world.state.is_paused


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_jump_moves_every_deadline_with_it(hours):
    world = baking()
    world.wait(10)
    world.jump = timedelta(hours=hours)
    world.now += world.jump
    world.step()
    assert world.history()[-1] == "C1 clock_jump"
    assert world.state.soak_until - world.now == timedelta(seconds=20)


def test_a_person_may_accept_the_lack_of_data_but_never_a_breach():
    world = baking(analysis={"on_no_data": "pause", "interval": "1s", "min_samples": 50})
    world.serve(traffic(3))
    world.wait(30)
    world.step()
    assert world.state.pause_reasons == (PauseReason.NO_DATA,)
    breached = World.__new__(World)
    breached.__dict__.update(world.__dict__, totals=dict(world.totals), windows=dict(world.windows), log=[])
    breached.serve(traffic(0, failed=20))
    breached.ask("promote")
    assert breached.history()[0] == "T9 hard_limit"
    world.ask("promote", reason="a quiet service")
    assert world.history()[-1] == "T10 promoted_forced"


def test_two_pauses_that_begin_in_one_pass_are_two_notifications():
    world = baking()
    world.is_frozen = True
    decision = world.ask("pause")
    assert world.state.pause_reasons == (PauseReason.FREEZE, PauseReason.MANUAL)
    assert len({found.key for found in decision.commands}) == len(decision.commands)
    assert names(decision).count("Notify") == 2


def test_resuming_lifts_only_what_people_set_and_every_intent_is_answered():
    world = baking()
    world.is_frozen = True
    world.ask("pause")
    world.step(world.intent("resume"), world.intent("resume"), world.intent("approve"))
    assert world.state.pause_reasons == (PauseReason.FREEZE,)
    assert [t.code for t in world.last.transitions] == ["resumed", "not_paused", "not_awaiting_approval"]


# Programs with traffic steps: the same machine --------------------------------------------------------------


@pytest.fixture
def ramp(monkeypatch):
    """10 %, an approval, 50 %, then everything."""
    program = Program(
        steps=(
            Split(weight=1_000, soak=Seconds(60)),
            Approve(role="release-manager", timeout=Seconds(3_600)),
            Split(weight=5_000, soak=Seconds(60)),
        ),
        promote=Promote(),
        min_samples=10,
        on_no_data="pause",
        interval=Seconds(1),
        needs_stable=True,
    )
    monkeypatch.setattr(engine, "compile_program", lambda _: program)
    return program


def pass_step(world: World) -> None:
    world.reach(world.state.phase, SOAKING)
    world.serve(traffic(20))
    world.wait(60)
    world.step()


def test_t7_each_step_is_verified_and_judged_and_then_comes_the_next(ramp):
    world = World().reach(Phase.PROGRESSING, SubPhase.APPLYING)
    assert world.state.weights == {"stable": 9_000, "candidate": 1_000}
    pass_step(world)
    assert world.history()[-2:] == ["T7 step_passed", "P1 paused"]
    assert (world.place, world.state.step) == ((Phase.PROGRESSING, SubPhase.WAITING), 1)
    world.ask("approve", roles=("viewer",))
    assert world.history()[-1] == "N1 role_missing"
    world.ask("approve", roles=("release-manager",))
    assert world.history()[-1] == "T7 approved"
    assert (world.state.step, world.state.weight) == (2, 5_000)
    pass_step(world)
    assert (world.place, world.state.step) == ((Phase.PROMOTING, SubPhase.APPLYING), 3)


def test_t9_an_approval_that_is_refused_or_does_not_come_rolls_back(ramp):
    for act, code in (
        (lambda w: w.ask("reject", roles=("admin",)), "approval_refused"),
        (lambda w: (w.wait(3_600), w.step()), "approval_timeout"),
    ):
        world = World().reach(Phase.PROGRESSING, SubPhase.APPLYING)
        pass_step(world)
        act(world)
        assert world.history()[-1] == f"T9 {code}"


def test_promote_full_skips_soaks_but_every_weight_is_still_verified(ramp, monkeypatch):
    world = World().reach(Phase.PROGRESSING, SOAKING)
    world.ask("promote", full=True)
    assert world.history()[-2:] == ["T7 step_forced", "P1 paused"]


def test_a_strategy_that_needs_a_stable_version_is_rejected_without_one(ramp):
    world = World(stable=None)
    world.step()
    assert world.history() == ["T3 needs_stable"]


def test_a_step_that_lacks_data_waits_for_what_gateways_still_hold(ramp):
    """After an outage of control its evidence comes later than the end of the soak."""
    world = World().reach(Phase.PROGRESSING, SubPhase.SOAKING)
    world.spool = 3
    world.wait(60)
    world.step()
    assert (world.place, world.state.pause_reasons) == ((Phase.PROGRESSING, SubPhase.JUDGING), ())
    world.spool = 0
    world.step()
    assert world.state.pause_reasons == ("no_data",)
