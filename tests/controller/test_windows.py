from datetime import UTC, datetime, timedelta

import msgspec
from tests.fakes.observations import observation

from tidegate.controller.windows import Windows
from tidegate.delivery.release import Experiment, Phase, StepWindow, new_release
from tidegate.delivery.release_file import parse_release
from tidegate.registry.releases import ReleaseRow

NOW = datetime(2026, 9, 15, 12, tzinfo=UTC)
SPEC = parse_release({"kind": "Release", "service": "bot", "version": "v1.1.0", "strategy": "direct"})


def row(**fields) -> ReleaseRow:
    state = new_release(release_id="rel_1", service="bot", candidate="bot/v1.1.0", stable=None, now=NOW)
    return ReleaseRow(
        id="rel_1",
        service="bot",
        candidate="bot/v1.1.0",
        stable=None,
        spec=SPEC,
        state=msgspec.structs.replace(state, **fields),
        created_at=NOW,
        ended_at=None,
        actor="alice",
        reason="",
        version=1,
    )


def started(seconds: float, **fields):
    at = int((NOW + timedelta(seconds=seconds)).timestamp() * 1_000_000)
    return observation(release="rel_1", started_at_us=at, **fields)


def test_only_requests_of_the_open_window_of_this_attempt_and_step_are_samples():
    windows = Windows()
    assert not windows.is_sample(started(5))
    windows.learn(row(phase=Phase.PROMOTING, window_opened_at=NOW))
    assert windows.is_sample(started(0))
    assert windows.is_sample(started(5))
    assert not windows.is_sample(started(-0.000001))
    assert not windows.is_sample(started(5, attempt=2))
    assert not windows.is_sample(started(5, step=1))


def test_a_window_that_is_closed_again_takes_no_samples():
    windows = Windows()
    windows.learn(row(phase=Phase.PROMOTING, window_opened_at=NOW))
    windows.learn(row(phase=Phase.PROMOTING))
    assert not windows.is_sample(started(5))


def test_a_new_process_knows_the_windows_of_earlier_steps():
    windows = Windows()
    earlier = {"0.0": StepWindow(opened_at=NOW, shares={"candidate": 500})}
    later = NOW + timedelta(minutes=5)
    state = {"phase": Phase.PROGRESSING, "step": 1, "window_opened_at": later, "shares": {"candidate": 2_500}}
    windows.learn(row(windows=earlier, **state))
    assert windows.is_sample(started(5))
    assert windows.is_compared(started(5, variant="candidate", propensity=500))
    assert not windows.is_compared(started(5, variant="candidate", propensity=2_500))
    assert windows.is_compared(started(400, step=1, propensity=7_500))


def test_what_belongs_to_a_step_that_is_over_is_late():
    windows = Windows()
    assert not windows.is_late(started(5))
    windows.learn(row(phase=Phase.PROGRESSING, step=1, attempt=2, window_opened_at=NOW))
    assert [windows.is_late(started(5, attempt=a, step=s)) for a, s in ((1, 3), (2, 0), (2, 1))] == [True, True, False]


def test_an_ended_release_is_forgotten():
    windows = Windows()
    windows.learn(row(phase=Phase.PROMOTING, window_opened_at=NOW))
    windows.learn(row(phase=Phase.SUCCEEDED, window_opened_at=NOW))
    assert not windows.is_sample(started(5))


def test_a_new_process_compares_late_requests_of_every_round_of_an_experiment():
    shares = ({"a": 3_000}, {"a": 5_000}, {"a": 9_000})
    experiment = Experiment(step=0, shares=shares, round_at=NOW)
    windows = Windows()
    windows.learn(row(phase=Phase.PROGRESSING, window_opened_at=NOW, round=2, shares=shares[-1], experiment=experiment))
    for number, points in enumerate((3_000, 5_000, 9_000)):
        assert windows.is_compared(started(1, round=number, variant="a", propensity=points))
        assert windows.is_compared(started(1, round=number, variant="stable", propensity=10_000 - points))
        assert not windows.is_compared(started(1, round=number, variant="a", propensity=10_000))  # kept by its pin
    assert not windows.is_compared(started(1, round=1, variant="a", propensity=9_000))
