"""What people ask for: each intent is answered, once, and none of them goes around the evidence."""

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

from tidegate.delivery.commands import SwapBack
from tidegate.delivery.release import PauseReason, Phase


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.GATING])
def test_t3_abort_before_traffic_rejects_without_an_incident(phase):
    world = World().reach(phase)
    decision = world.ask("abort")
    assert world.history()[-1] == "T3 aborted_before_traffic"
    assert decision.transitions[-1].actor == "ann"
    assert "OpenIncident" not in names(decision)


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


def test_t11_the_first_version_of_a_service_has_no_way_back_after_the_commit():
    world = World(stable=None).reach(Phase.DRAINING)
    world.ask("rollback")
    assert world.history()[-2:] == ["N1 nothing_to_return_to", "T12 drained"]


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


def test_resuming_lifts_only_what_people_set_and_every_intent_is_answered():
    world = baking()
    world.is_frozen = True
    world.ask("pause")
    world.step(world.intent("resume"), world.intent("resume"), world.intent("approve"))
    assert world.state.pause_reasons == (PauseReason.FREEZE,)
    assert [t.code for t in world.last.transitions] == ["resumed", "not_paused", "not_awaiting_approval"]
