"""`plan` and `replay` as their users type them."""

from __future__ import annotations

import json

import pytest
from tests.cli.running import tidegate

RELEASE = """
kind: Release
service: shop-bot
version: v1.0.0
strategy: {canary: {steps: [{split: 10%, soak: 2h}, {split: 50%, soak: 2h}]}}
guardrails: [{metric: error_rate, max_ratio: 2}]
assume: {requests_per_hour: 6000, rates: {error_rate: 2%}}
"""


@pytest.fixture
def version(control, here):
    (here / "bot.yaml").write_text('{kind: Bundle, service: shop-bot, model: "sim/good", card: "to be planned"}')
    return tidegate("push", "bot.yaml", "--service", "shop-bot", "--json").json["ref"]


def test_a_plan_is_told_and_one_that_never_decides_is_refused(version, here):
    (here / "release.yaml").write_text(RELEASE)
    told = tidegate("plan", "shop-bot", "-f", "release.yaml", "--detect", "error_rate +2%")
    assert (told.code, told.err) == (0, "")
    assert "worst case" in told.out
    assert "To find error_rate +2%" in told.out
    document = tidegate("plan", "shop-bot", version, "-f", "release.yaml", "--json").json
    assert [step["kind"] for step in document["plan"]["steps"]] == ["split", "split", "bake"]
    refused = tidegate("plan", "shop-bot", version, "-f", "release.yaml", "--requests-per-hour", 3, "--json")
    assert refused.code == 1
    assert refused.err.startswith("error: step 1")
    assert json.loads(refused.out)["plan"]["refusals"]


def test_what_is_assumed_may_stand_in_a_file_of_its_own(version, here):
    (here / "assume.yaml").write_text("requests_per_hour: 4000\n")
    told = tidegate("plan", "shop-bot", version, "--strategy", "canary", "--assume", "assume.yaml", "--json")
    assert told.json["plan"]["requests_per_hour"] == 4000
    (here / "assume.yaml").write_text("request_per_hour: 4000\n")
    wrong = tidegate("plan", "shop-bot", version, "--assume", "assume.yaml")
    assert wrong.code == 2
    assert "assume" in wrong.err


def test_a_replay_names_what_it_cannot_read(here):
    (here / "release.yaml").write_text(RELEASE.replace("assume", "# assume"))
    missing = tidegate("replay", "rows.csv", "-f", "release.yaml")
    assert missing.code != 0
    assert "rows.csv" in missing.err
