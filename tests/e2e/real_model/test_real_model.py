"""Real weights behind the gateway: which version answered is read from the answers themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]


def answers(said: str) -> list[tuple[str, str, str]]:
    """(whole or streamed, sentence, version) as ``ask.py`` printed them."""
    return re.findall(r"^(whole|streamed): +(.*?)  \((tiny/v\d\.0\.0)-[0-9a-f]{8}\)$", said, re.MULTILINE)


def both(sentence: str, version: str) -> list[tuple[str, str, str]]:
    return [("whole", sentence, version), ("streamed", sentence, version)]


def test_the_page_releases_a_second_version_and_rejects_a_badly_trained_third(walk):
    assert answers(walk["4"]) == both("I am tiny, version 1.", "tiny/v1.0.0")
    assert answers(walk["5"]) == both("I am tiny, version 2.", "tiny/v2.0.0")

    assert "not released: exit code 3" in walk["6"]
    assert "does not contain 'version'" in walk["6"]
    assert "None of your business" in walk["6"]
    assert answers(walk["6"]) == both("I am tiny, version 2.", "tiny/v2.0.0")
    assert len(requests_to(walk.folder, 3)) == 2  # the plain probe and the smoke request, no user's

    for number in (1, 2, 3):
        assert served_weights(walk.folder, number) == pushed_weights(walk.folder, number)


def requests_to(folder: Path, number: int) -> list[str]:
    """The model server's own record of what it was asked."""
    return [line for line in (folder / "work" / f"tiny-v{number}.log").read_text().splitlines() if '"POST ' in line]


def pushed_weights(folder: Path, number: int) -> bytes:
    (weights,) = (folder / "work" / f"v{number}" / "weights").glob("model.*")
    return weights.read_bytes()


def served_weights(folder: Path, number: int) -> bytes:
    """What the server read: laid out beside its configuration for transformers, in its place for llama.cpp."""
    unpacked = folder / "work" / f"tiny-v{number}"
    (weights,) = (*unpacked.glob("tiny/*.safetensors"), *unpacked.glob("bundle/weights/*.gguf"))
    return weights.read_bytes()
