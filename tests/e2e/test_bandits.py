"""Bandits over real processes: users say much later what they liked, through the public address, and weights follow that."""

from __future__ import annotations

import csv
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from tests.cli.running import serving, tidegate
from tests.e2e.test_experiments import MODELS, Users, configured, run

from tidegate.client import AsyncClient
from tidegate.simulator import Simulator

pytestmark = pytest.mark.slow
REGULARS = 8


@pytest.fixture
async def simulator():
    async with Simulator(MODELS) as made:
        yield made


class LateUsers(Users):
    """What they say comes ``late`` crowds later; some of them return all the time and say nothing.

    Attributes:
        met: variants that each of those who return was served by, in order, as long as the experiment ran.
    """

    def __init__(self, address: str, likes: dict[str, float], *, late: int = 8) -> None:
        super().__init__(address, likes)
        self._late, self._waiting = late, deque[list[tuple[str, str]]]()
        self.met: dict[str, list[str]] = {}

    async def come(self) -> None:
        await super().come()
        for number in range(REGULARS):
            _, variant = await self._ask(-1 - number)
            self.met.setdefault(f"regular-{number}", []).append(variant)

    async def _say(self, request_id: str, variant: str) -> None:
        self._waiting.append([(request_id, variant)])
        if len(self._waiting) > self._late * 16:
            for known in self._waiting.popleft():
                await super()._say(*known)


def bandit(horizon: str = "2m", *, alpha: float = 0.05, algorithm: str = "top_two", **arms: str) -> dict[str, Any]:
    settings = {
        "algorithm": algorithm,
        "reward": "feedback:liked",
        "epoch": "2s",
        "max_change": "15%",
        "horizon": horizon,
        "promote": {"bake": "1s", "keep_warm": "0s"},
    }
    return {
        "variants": {"control": "@stable", "good": "v1.1.0", **arms},
        "strategy": {"bandit": settings},
        "probe": {"requests": 1},
        "guardrails": [{"metric": "error_rate", "hard": "> 30%"}],
        # A bake of one second may see too few on a busy machine; then it goes on.
        "analysis": {
            "interval": "1s",
            "min_samples": 100,
            "alpha": alpha,
            "on_no_data": "extend",
            "max_extensions": 60,
        },
    }


async def test_the_liked_arm_gets_the_users_and_wins_and_a_harmful_one_is_taken_out(tmp_path: Path, simulator):
    url = configured(tmp_path, simulator)
    with (
        serving("control", "-c", tmp_path / "tidegate.yaml", cwd=tmp_path),
        serving("gateway", "-c", tmp_path / "tidegate.yaml", "--control", url, cwd=tmp_path) as (_, gateway),
    ):
        async with AsyncClient(url) as client:
            good = await client.push({"model": "sim/good"}, service="bot", version="v1.1.0")
            await client.push({"model": "sim/flaky"}, service="bot", version="v1.2.0")
            users = LateUsers(gateway["gateway"], {"good": 0.8, "stable": 0.6, "flaky": 0.1})
            ended = await run(client, users, bandit(flaky="v1.2.0"))
            assert (ended.phase, ended.version) == ("succeeded", good.ref)
            assert (await client.status("bot")).stable == good.ref
            (incident,) = (await client.incidents(service="bot")).incidents
            assert incident.variant == "flaky"
            results = await client.results(ended.id)
            assert (results.outcome, results.winner) == ("winner_found", "good")
            told = results.bandit
            assert told is not None
            weights = [each.weights for each in told.rounds]
            assert len(weights) >= 2
            assert weights[-1]["good"] > weights[0]["good"]
            assert "flaky" not in weights[-1]
            best = {each.variant: each for each in told.variants}
            assert best["good"].value > best["control"].value
            assert told.regret < told.regret_of_equal_shares
            _who_returns_keeps_the_variant(users)
            shown = tidegate("results", ended.id, "--url", url)
            assert "top_two by feedback:liked" in shown.out
            explained = tidegate("explain", ended.id, "--url", url)
            assert "begins with new weights for new units" in explained.out
            _propensities_are_those_of_their_round(tmp_path, ended.id, url, weights)


def _who_returns_keeps_the_variant(users: LateUsers) -> None:
    """While weights moved; whoever had the arm that was taken out got another one, and at the end everybody the winner."""
    for met in users.met.values():
        trial = [variant for variant in met[: met.index("good")] if variant != "flaky"] if "good" in met else met
        assert len(set(trial)) <= 1
    assert any(met[0] == "stable" and met.count("stable") > 10 for met in users.met.values())


def _propensities_are_those_of_their_round(folder: Path, release: str, url: str, weights: list[dict[str, int]]) -> None:
    exposures = folder / "exposures.csv"
    asked = ("--what", "assignments", "--release", release, "-o", exposures, "--url", url)
    assert tidegate("requests", "export", *asked).code == 0
    drawn = 0
    for row in csv.DictReader(exposures.read_text().splitlines()):
        points = int(row["propensity"])
        if row["step"] == "0" and 0 < points < 10_000:
            variant = "control" if row["variant"] == "stable" else row["variant"]
            assert points == weights[int(row["round"])][variant]
            drawn += 1
    assert drawn > 200


async def test_equal_arms_end_with_stable(tmp_path: Path, simulator):
    url = configured(tmp_path, simulator)
    with (
        serving("control", "-c", tmp_path / "tidegate.yaml", cwd=tmp_path),
        serving("gateway", "-c", tmp_path / "tidegate.yaml", "--control", url, cwd=tmp_path) as (_, gateway),
    ):
        async with AsyncClient(url) as client:
            old = (await client.status("bot")).stable
            await client.push({"model": "sim/good"}, service="bot", version="v1.1.0")
            users = LateUsers(gateway["gateway"], {"good": 0.6, "stable": 0.6}, late=2)
            rare = 1e-4  # the salt is drawn anew in each run, and nobody may win by chance here
            ended = await run(client, users, bandit("12s", alpha=rare, algorithm="thompson"))
            assert ended.phase == "succeeded"
            assert (await client.status("bot")).stable == old
            results = await client.results(ended.id)
            assert (results.outcome, results.bandit.epochs > 2) == ("stable_kept", True)
            assert (await client.incidents(service="bot")).incidents == ()
