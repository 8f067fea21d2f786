"""Feedback as applications give it: the OpenAI SDK, real processes, control killed in between."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import httpx2
import openai
import pytest
from tests.cli.running import serving

from tidegate.client import AsyncClient
from tidegate.simulator import Simulator

CONFIGURATION = """
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:{port}"}}
providers:
  sim: {{dialect: openai, base_url: "{simulator}/v1"}}
services:
  bot:
    unit: user
    stable: {{model: sim/good, prompt: {{system: "Be kind."}}}}
    content: {{keep: redacted, sample: 100%}}
"""
HALF = {
    "strategy": {"canary": {"steps": [{"split": "50%", "soak": "10m"}], "promote": {"bake": "1s"}}},
    "probe": {"requests": 1},
    "analysis": {"min_samples": 5},
}
MODELS = {"models": {"*": {"answer": "Write to help@acme.example."}}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def until(holds, seconds: float = 30):
    async with asyncio.timeout(seconds):
        while not (found := await holds()):
            await asyncio.sleep(0.1)
    return found


def control(folder: Path):
    return serving("control", "-c", folder / "tidegate.yaml", cwd=folder)


@pytest.mark.slow
async def test_feedback_counts_for_the_variant_that_was_assigned_though_control_was_killed_in_between(tmp_path):
    async with Simulator(MODELS) as simulator:
        port = free_port()
        (tmp_path / "tidegate.yaml").write_text(CONFIGURATION.format(port=port, simulator=simulator.url))
        url = f"http://127.0.0.1:{port}"
        with (
            control(tmp_path) as (process, _),
            serving("gateway", "-c", tmp_path / "tidegate.yaml", "--control", url, cwd=tmp_path) as (_, gateway),
        ):
            address = gateway["gateway"]
            async with AsyncClient(url) as client:
                await client.push({"model": "sim/better", "prompt": {"system": "x"}}, service="bot", version="v1.1.0")
                release = (await client.release("bot", "v1.1.0", spec=HALF)).id

                async def is_soaking() -> bool:
                    return (await client.release_by_id(release)).sub_phase == "soaking"

                await until(is_soaking)
                answers = await ask(address, [f"user-{number}" for number in range(12)])

                async def is_observed() -> bool:
                    return len((await client.requests(service="bot", release=release)).items) >= len(answers)

                await until(is_observed)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            await say(address, answers)
            with control(tmp_path):
                async with AsyncClient(url) as client:

                    async def is_counted() -> list:
                        said = (await client.read_feedback(release=release)).items
                        return said if len(said) == len(answers) else []

                    said = await until(is_counted)
                    assert {each.request_id: each.variant for each in said} == answers
                    assert {(each.standing, each.counted) for each in said} == {("counted", "compared")}
                    counted = await client.counts(release)
                    by_variant = {arm.variant: arm.compared["opinions"]["thumbs_up"] for arm in counted.arms}
                    for variant in ("stable", "candidate"):
                        of_arm = [request for request, assigned in answers.items() if assigned == variant]
                        told = by_variant[variant]
                        assert told.get("yes", 0) + told.get("no", 0) == len(of_arm)
                        assert told.get("yes", 0) == (len(of_arm) if variant == "candidate" else 0)
                    await erase(client, next(iter(answers)))


async def ask(address: str, users: list[str]) -> dict[str, str]:
    """Request id and variant of each answer, by the official SDK."""
    answers = {}
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none") as sdk:
        for user in users:
            raw = await sdk.chat.completions.with_raw_response.create(
                model="bot", user=user, messages=[{"role": "user", "content": f"I am {user}, jane@example.org"}]
            )
            assert raw.parse().choices[0].message.content == "Write to help@acme.example."
            answers[raw.headers["x-request-id"]] = raw.headers["x-tidegate-variant"]
    assert set(answers.values()) == {"stable", "candidate"}
    return answers


async def say(address: str, answers: dict[str, str]) -> None:
    """The candidate's answers are liked; an id that nobody made is refused, with control away."""
    async with httpx2.AsyncClient(trust_env=False, base_url=address) as http:
        for request_id, variant in answers.items():
            body = {"request_id": request_id, "name": "thumbs_up", "value": variant == "candidate"}
            assert (await http.post("/v1/feedback", json=body)).status_code == 202
        forged = body["request_id"][:-4] + "AAAA"
        refused = await http.post("/v1/feedback", json=body | {"request_id": forged})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unknown_request_id")


async def erase(client: AsyncClient, request_id: str) -> None:
    """What was kept holds no address, and is gone when it is erased."""

    async def is_kept():
        return (await client.request(request_id)).content

    kept = await until(is_kept)
    assert "[email]" in kept.prompt[-1].text
    assert kept.answer == "Write to [email]."
    user = kept.prompt[-1].text.split(",")[0].removeprefix("I am ")
    assert (await client.erase_content(service="bot", unit=user)).contents == 1
    assert (await client.request(request_id)).content is None
