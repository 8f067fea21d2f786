"""A judge end to end: real processes, a scripted judge model, a candidate that only the judge finds bad."""

from __future__ import annotations

import asyncio
from itertools import count

import httpx2
import pytest
from tests.cli.running import serving
from tests.e2e.test_feedback import until

from tidegate.client import AsyncClient
from tidegate.errors import InvalidInputError
from tidegate.simulator import Simulator

CONFIGURATION = """
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
providers:
  sim: {{dialect: openai, base_url: "{simulator}/v1", prices: {{"*": {{input: 0.1, output: 0.4}}}}}}
services:
  bot:
    unit: request
    stable: {{model: sim/kind, prompt: {{system: "Be kind."}}}}
    content: {{keep: redacted, sample: 100%}}
  silent: {{stable: {{model: sim/kind}}}}
  judge:
    stable: {{model: sim/judge}}
judges:
  kind: {{service: judge, rubric: "Is it kind?", sample: 100%, lag: 0s, budget: 1 USD/day}}
"""
MODELS = {
    "models": {
        "judge": {"judge": {"scores": {"lovely": 0.9, "awful": 0.1}}},
        "kind": {"answer": "What a lovely question."},
        "rude": {"answer": "What an awful question."},
    }
}
HALF = {
    "strategy": {"canary": {"steps": [{"split": "50%", "soak": "10m"}], "promote": {"bake": "1s"}}},
    "probe": {"requests": 1},
    "guardrails": [{"metric": "judge:kind", "hard": "< 0.4"}],
    "analysis": {"min_samples": 5, "interval": "500ms"},
}


@pytest.mark.slow
async def test_a_candidate_that_the_judge_finds_bad_is_rolled_back_and_one_it_cannot_judge_is_refused(tmp_path):
    async with Simulator(MODELS) as simulator:
        (tmp_path / "tidegate.yaml").write_text(CONFIGURATION.format(simulator=simulator.url))
        with serving("up", "-c", tmp_path / "tidegate.yaml", cwd=tmp_path) as (_, running):
            async with AsyncClient(running["control"]) as client:
                bundle = {"model": "sim/rude", "prompt": {"system": "x"}}
                await client.push(bundle, service="silent", version="v1.1.0")
                with pytest.raises(InvalidInputError, match="needs kept prompts and answers"):
                    await client.release("silent", "v1.1.0", spec=HALF)
                await client.push(bundle, service="bot", version="v1.1.0")
                release = (await client.release("bot", "v1.1.0", spec=HALF)).id
                traffic = asyncio.create_task(ask_for_ever(running["gateway"]))

                async def is_over() -> str:
                    found = await client.release_by_id(release)
                    return "" if found.is_running else found.phase

                assert await until(is_over, 90) == "rolled_back"
                traffic.cancel()
                (incident,) = (await client.incidents()).incidents
                assert "judge:kind" in incident.summary
                (judge,) = (await client.judges()).items
                assert judge.judged > 10
                assert judge.spent_usd > 0
                assert len(judge.versions) == 1


async def ask_for_ever(address: str) -> None:
    async with httpx2.AsyncClient(trust_env=False, base_url=address, timeout=20) as http:
        for number in count():
            body = {"model": "bot", "messages": [{"role": "user", "content": f"question {number}"}]}
            await http.post("/v1/chat/completions", json=body)
            await asyncio.sleep(0.02)
