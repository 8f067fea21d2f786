"""Programs with traffic steps walk the same machine."""

from __future__ import annotations

import pytest
from tests.delivery.release_world import SOAKING, World, traffic

from tidegate.delivery import decide as engine
from tidegate.delivery.quantities import Seconds
from tidegate.delivery.release import Phase, SubPhase
from tidegate.delivery.steps import Approve, Program, Promote, Split


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
    world = World().reach(Phase.PROGRESSING, SOAKING)
    world.spool = 3
    world.wait(60)
    world.step()
    assert (world.place, world.state.pause_reasons) == ((Phase.PROGRESSING, SubPhase.JUDGING), ())
    world.spool = 0
    world.step()
    assert world.state.pause_reasons == ("no_data",)
