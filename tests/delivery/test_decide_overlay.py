"""What lies over the phases: pauses of the world and of people, and a clock that jumps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.delivery.release_world import OLD, SOAKING, baking, names

from tidegate.delivery.release import PauseReason, Phase, SubPhase


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


def test_two_pauses_that_begin_in_one_pass_are_two_notifications():
    world = baking()
    world.is_frozen = True
    decision = world.ask("pause")
    assert world.state.pause_reasons == (PauseReason.FREEZE, PauseReason.MANUAL)
    assert len({found.key for found in decision.commands}) == len(decision.commands)
    assert names(decision).count("Notify") == 2
