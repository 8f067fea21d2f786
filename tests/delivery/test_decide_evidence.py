"""What a pass learns: too little evidence, what counts as evidence at all, and whether anybody still reports."""

from __future__ import annotations

import pytest
from tests.delivery.release_world import NEW, SOAKING, World, baking, traffic

from tidegate.delivery.release import PauseReason, Phase, SubPhase
from tidegate.stats.verdict import Verdict


def test_t8_without_traffic_a_direct_release_is_promoted_with_a_note():
    world = baking()
    world.wait(30)
    decision = world.step()
    assert world.history()[-1] == "T10 promoted_without_data"
    assert "Note: too few user requests to judge (0); 5 probes answered." in decision.transitions[-1].sentence
    assert world.log[-1].state.verdict is Verdict.NO_DATA


def test_t8_extend_is_bounded_and_accumulates_samples_then_the_release_pauses():
    world = baking(analysis={"on_no_data": "extend", "max_extensions": 2, "min_samples": 10, "interval": "1s"})
    for expected in (SOAKING, SOAKING, SubPhase.JUDGING):
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
