"""Conversations keep their version: across a change of weights, on another gateway, and after a gateway's kill -9.

Gateways are processes of their own, so what one of them pinned can only reach the other one through control.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import yaml
from tests.e2e.test_two_controls import MODELS, start, until

from tidegate.client import AsyncClient
from tidegate.simulator import Simulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
RAMP = {
    "strategy": {"canary": {"steps": [{"split": "20%", "soak": "1h"}, {"split": "90%", "soak": "1h"}]}},
    "probe": {"requests": 1},
    "guardrails": [{"metric": "error_rate", "hard": "> 90%"}],
}
CONVERSATIONS = [f"conversation-{number}" for number in range(60)]


@asynccontextmanager
async def installation(folder: Path):
    """A control process and its file; gateways are started by the test."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator({"models": MODELS}))
        configuration = {
            "listen": {"gateway": "127.0.0.1:0", "control": "127.0.0.1:0"},
            "providers": {"sim": {"dialect": "openai", "base_url": f"{simulator.url}/v1"}},
            "services": {"bot": {"unit": "conversation", "stable": {"model": "sim/good"}}},
        }
        file = folder / "tidegate.yaml"
        file.write_text(yaml.safe_dump(configuration))
        _, told = await start(stack, folder, "control", "-c", str(file))

        async def gateway(name: str) -> tuple[asyncio.subprocess.Process, str]:
            own = folder / name
            own.mkdir(exist_ok=True)
            process, heard = await start(
                stack, own, "gateway", "-c", str(file), "--control", told["control"], "--id", name
            )
            return process, heard["gateway"]

        client = await stack.enter_async_context(AsyncClient(told["control"]))
        yield client, gateway


async def turn(url: str, conversation: str) -> str:
    """The version that answers the next turn, "" if nobody does yet."""
    body = {"model": "bot", "messages": [{"role": "user", "content": "Hello"}]}
    body["metadata"] = {"conversation_id": conversation}
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as users:
        try:
            answer = await users.post(f"{url}/v1/chat/completions", json=body)
        except httpx2.TransportError:
            return ""
    return answer.headers.get("x-tidegate-version", "") if answer.status_code == 200 else ""


async def turns(url: str) -> dict[str, str]:
    return {conversation: await turn(url, conversation) for conversation in CONVERSATIONS}


async def test_conversations_stay_on_another_gateway_and_after_a_gateway_was_killed(tmp_path):
    async with installation(tmp_path) as (client, gateway):
        process, first = await gateway("g1")
        _, second = await gateway("g2")

        async def serves(url: str) -> bool:
            return bool(await turn(url, "somebody"))

        for url in (first, second):
            await until(lambda url=url: serves(url))
        await client.push({"model": "sim/better"}, service="bot", version="v1.1.0")
        release = (await client.release("bot", "v1.1.0", spec=RAMP)).id

        async def is_soaking(step: int) -> bool:
            seen = await client.release_by_id(release)
            return (seen.step, seen.sub_phase) == (step, "soaking")

        await until(lambda: is_soaking(0))
        began = await turns(first)
        stayed = [name for name, version in began.items() if "v1.0.0" in version]
        assert 30 < len(stayed) < 60  # about 80 % begin on stable
        await client.promote(release)
        await until(lambda: is_soaking(1))
        fresh = [await turn(second, f"other-{number}") for number in range(40)]
        assert sum("v1.1.0" in version for version in fresh) > 25  # where the hash would send most of those now

        async def knows_all(url: str) -> bool:
            return await turns(url) == began

        assert await knows_all(first)
        await until(lambda: knows_all(second))  # pins travel with heartbeats

        process.send_signal(signal.SIGKILL)
        await process.wait()
        _, again = await gateway("g1")
        await until(lambda: serves(again))
        await until(lambda: knows_all(again))
