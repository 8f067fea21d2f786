"""A/B tests over real processes: users say later what they liked, through the public address, and that decides."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from pathlib import Path

import httpx2
import pytest
from tests.cli.running import serving, tidegate

from tidegate.client import AsyncClient
from tidegate.shapes.releases import Release
from tidegate.simulator import Simulator

CONFIGURATION = """
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:{port}"}}
providers:
  sim: {{dialect: openai, base_url: "{simulator}/v1"}}
services:
  bot:
    stable: {{model: sim/old}}
    segments: {{beta: {{header: {{x-plan: beta}}}}}}
"""
FLAKY = {"answer": "Hello.", "faults": [{"kind": "error", "status": 500, "after_requests": 3}]}  # well while probed
MODELS = {"models": {"flaky": FLAKY, "*": {"answer": "Hello."}}}
AT_ONCE = 16
pytestmark = pytest.mark.slow


@pytest.fixture
async def simulator():
    async with Simulator(MODELS) as made:
        yield made


def configured(folder: Path, simulator: Simulator) -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "tidegate.yaml").write_text(CONFIGURATION.format(port=port, simulator=simulator.url))
    return f"http://127.0.0.1:{port}"


class Users:
    """Ask as ever new users, and say of each answer, when the next ones ask, whether it was liked.

    Args:
        likes: probability by variant.
    """

    def __init__(self, address: str, likes: dict[str, float], seed: int = 3) -> None:
        self.likes = likes
        self.chance = random.Random(seed)
        self.served: Counter[str] = Counter()
        self._http = httpx2.AsyncClient(trust_env=False, base_url=address)
        self._answered: list[tuple[str, str]] = []
        self._number = 0

    async def come(self) -> None:
        """One crowd asks, and the one before it says."""
        numbers = range(self._number, self._number + AT_ONCE)
        self._number += AT_ONCE
        earlier, asked = self._answered, map(self._ask, numbers)
        self._answered = list(await asyncio.gather(*asked))
        await asyncio.gather(*(self._say(*each) for each in earlier))

    async def _ask(self, number: int) -> tuple[str, str]:
        body = {"model": "bot", "user": f"user-{number}", "messages": [{"role": "user", "content": "Hi."}]}
        headers = {"x-plan": "beta"} if number % 4 == 0 else {}
        answer = await self._http.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 200, answer.text  # a broken arm is rescued by stable
        variant = answer.headers["x-tidegate-variant"]
        self.served[variant] += 1
        return answer.headers["x-request-id"], variant

    async def _say(self, request_id: str, variant: str) -> None:
        value = self.chance.random() < self.likes.get(variant, 0.5)
        body = {"request_id": request_id, "name": "liked", "value": value}
        assert (await self._http.post("/v1/feedback", json=body)).status_code == 202

    async def close(self) -> None:
        await self._http.aclose()


def experiment(horizon: str = "2m", *, alpha: float = 0.05, **arms: str) -> dict:
    return {
        "variants": {"control": "@stable", "good": "v1.1.0", **arms},
        # A bake that ends before control knows of its requests pauses for want of data.
        "strategy": {"ab_test": {"horizon": horizon, "promote": {"bake": "5s", "keep_warm": "0s"}}},
        "probe": {"requests": 1},
        "objectives": [{"metric": "feedback:liked"}],
        "guardrails": [{"metric": "error_rate", "hard": "> 30%"}],
        "analysis": {"interval": "1s", "min_samples": 100, "alpha": alpha},
    }


async def run(client: AsyncClient, users: Users, spec: dict) -> Release:
    """Let users come until the release is over, during its bake too: without them nobody could judge that."""
    release = (await client.release("bot", "v1.1.0", spec=spec)).id
    async with asyncio.timeout(150):
        while (view := await client.release_by_id(release)).is_running:
            if view.phase in {"pending", "gating"}:
                await asyncio.sleep(0.05)
            else:
                await users.come()
    await users.close()
    return view


async def test_the_liked_arm_wins_and_a_harmful_one_is_taken_out_alone(tmp_path, simulator):
    url = configured(tmp_path, simulator)
    with (
        serving("control", "-c", tmp_path / "tidegate.yaml", cwd=tmp_path),
        serving("gateway", "-c", tmp_path / "tidegate.yaml", "--control", url, cwd=tmp_path) as (_, gateway),
    ):
        async with AsyncClient(url) as client:
            good = await client.push({"model": "sim/good"}, service="bot", version="v1.1.0")
            flaky = await client.push({"model": "sim/flaky"}, service="bot", version="v1.2.0")
            users = Users(gateway["gateway"], {"good": 0.95, "stable": 0.6, "flaky": 0.1})
            ended = await run(client, users, experiment(flaky="v1.2.0"))
            assert (ended.phase, ended.version) == ("succeeded", good.ref)
            assert (await client.status("bot")).stable == good.ref
            (incident,) = (await client.incidents(service="bot")).incidents
            assert (incident.variant, incident.release) == ("flaky", ended.id)
            results = await client.results(ended.id)
            assert (results.outcome, results.winner) == ("winner_found", "good")
            liked = {effect.variant: effect for effect in results.effects if effect.role == "objective"}
            assert liked["good"].standing == "better"
            assert liked["good"].lift_lower > 0
            (out,) = [arm for arm in results.arms if arm.removed_at is not None]
            assert (out.variant, out.version, out.weight) == ("flaky", flaky.ref, 0)
            assert users.served["good"] > users.served["flaky"]
            divided = {each.segment: each.units for each in (await client.results_by_segment(ended.id)).segments}
            assert set(divided) == {"beta", "none"}
            assert divided["none"] > 2 * divided["beta"]
            told = tidegate("results", ended.id, "--url", url)
            assert told.code == 0, told.err
            assert "good won" in told.out
            exposures = tmp_path / "exposures.csv"
            asked = ("--what", "assignments", "--release", ended.id, "-o", exposures, "--url", url)
            assert tidegate("requests", "export", *asked).code == 0
            assert len(exposures.read_text().splitlines()) > sum(arm.compared for arm in results.arms)


async def test_equal_arms_end_with_stable(tmp_path, simulator):
    url = configured(tmp_path, simulator)
    with (
        serving("control", "-c", tmp_path / "tidegate.yaml", cwd=tmp_path),
        serving("gateway", "-c", tmp_path / "tidegate.yaml", "--control", url, cwd=tmp_path) as (_, gateway),
    ):
        async with AsyncClient(url) as client:
            old = (await client.status("bot")).stable
            await client.push({"model": "sim/good"}, service="bot", version="v1.1.0")
            users = Users(gateway["gateway"], {"good": 0.6, "stable": 0.6})
            rare = 1e-4  # the salt is drawn anew in each run, and nobody may win by chance here
            ended = await run(client, users, experiment("12s", alpha=rare))
            assert ended.phase == "succeeded"
            assert (await client.status("bot")).stable == old
            assert (await client.results(ended.id)).outcome == "stable_kept"
            assert (await client.incidents(service="bot")).incidents == ()
