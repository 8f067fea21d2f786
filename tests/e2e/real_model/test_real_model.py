"""Real weights behind the gateway: which version answered is read from the answers themselves."""

from __future__ import annotations

import re

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]


def answers(said: str) -> list[tuple[str, str, str]]:
    """(whole or streamed, sentence, version) as ``ask.py`` printed them."""
    return re.findall(r"^(whole|streamed): +(.*?)  \((tiny/v\d\.0\.0)-[0-9a-f]{8}\)$", said, re.MULTILINE)


def both(sentence: str, version: str) -> list[tuple[str, str, str]]:
    return [("whole", sentence, version), ("streamed", sentence, version)]


def test_the_first_version_becomes_stable_and_answers(walk):
    assert answers(walk["3"]) == both("I am tiny, version 1.", "tiny/v1.0.0")


def test_after_its_release_the_second_version_answers_whole_and_streamed(walk):
    assert answers(walk["4"]) == both("I am tiny, version 2.", "tiny/v2.0.0")


def test_the_badly_trained_version_is_rejected_for_what_it_says(walk):
    assert "not released: exit code 3" in walk["5"]
    assert "does not contain 'version'" in walk["5"]
    assert "None of your business" in walk["5"]
    assert answers(walk["5"]) == both("I am tiny, version 2.", "tiny/v2.0.0")


def test_no_user_request_reached_the_rejected_version(walk):
    served = [line for line in (walk.folder / "work" / "tiny-v3.log").read_text().splitlines() if "POST" in line]
    assert len(served) == 2  # the plain probe and the smoke request


def test_the_served_files_are_those_that_were_registered(walk):
    for number in (1, 2, 3):
        trained = (walk.folder / "work" / f"v{number}" / "weights" / "model.safetensors").read_bytes()
        served = (walk.folder / "work" / f"tiny-v{number}" / "tiny" / "model.safetensors").read_bytes()
        assert served == trained
