"""The demo's models differ as promised."""

import statistics

from tidegate.simulator.chance import Dice
from tidegate.simulator.document import check_scenario
from tidegate.simulator.presets import demo_scenario


def median(model, setting, number=2000):
    behaviour = demo_scenario().models[model]
    return statistics.median(Dice(0, model, count).draw(getattr(behaviour, setting)) for count in range(number))


def test_the_demo_is_a_sound_scenario():
    assert set(check_scenario(demo_scenario()).models) == {
        "sim-good",
        "sim-better",
        "sim-wordy",
        "sim-broken",
        "sim-dead",
    }


def test_the_good_model_has_its_promised_pace_and_length():
    assert 0.11 < median("sim-good", "first_token_seconds") < 0.13
    assert 24 <= median("sim-good", "tokens") <= 26


def test_the_better_model_is_faster_and_shorter():
    for setting in ("first_token_seconds", "token_seconds", "tokens"):
        assert median("sim-better", setting) < 0.85 * median("sim-good", setting)
