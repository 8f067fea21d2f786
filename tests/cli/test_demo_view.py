"""The demo's picture fits the terminal, however small, and shows what matters there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rich.console import Console

from tidegate.cli.demo.traffic import Traffic
from tidegate.cli.demo.view import View

SENTENCE = "error_rate is 3 % against 1 % of stable (+2.0 points, +0.1 to +4.0 points), surely higher than 1 % allow"


def view(verdicts: int, told: int) -> View:
    made = View("http://127.0.0.1:7400", "http://127.0.0.1:7401", Traffic("http://127.0.0.1:1", "bot", 1.0))
    words = ["pass", "fail", "inconclusive"]
    judged = [SimpleNamespace(metric=f"metric_{n}", verdict=words[n % 3], sentence=SENTENCE) for n in range(verdicts)]
    release = SimpleNamespace(
        id="rel_1",
        version="bot/v1.1.0-22222222",
        phase="progressing",
        sub_phase="soaking",
        weights={"bot/v1.0.0-11111111": 9_500, "bot/v1.1.0-22222222": 500},
        verdicts=judged,
    )
    made.status = SimpleNamespace(stable="bot/v1.0.0-11111111", release=release)
    for number in range(told):
        made.say(f"sentence {number} " + "long " * 40)
    return made


def drawn(shown: View, height: int, width: int = 80) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(shown)
    return captured.get().splitlines()


@pytest.mark.parametrize("height", [20, 24, 30, 50])
@pytest.mark.parametrize("told", [0, 1, 40])
@pytest.mark.parametrize("verdicts", [0, 3, 12])
def test_it_is_never_higher_than_the_terminal(height, verdicts, told):
    assert len(drawn(view(verdicts, told), height)) < height


def test_on_a_small_terminal_what_fails_is_shown_first_and_the_newest_sentence_last():
    lines = drawn(view(12, 40), 24)
    text = "\n".join(lines)
    assert "metric_1 " in text
    assert "sentence 39" in text
    assert "fail: error_rate" in text
    assert all(len(line) <= 80 for line in lines)
