"""The whole product on one machine, as its users run it: real processes, real traffic, real signals."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tidegate.cli.demo.traffic import Traffic, shares
from tidegate.cli.up import installed
from tidegate.client import AsyncClient
from tidegate.config import ListenSettings, ServiceSettings, Settings, StorageSettings
from tidegate.delivery.service import PriceSpec, ProviderSpec
from tidegate.simulator import Simulator

SERVICE = "support-bot"
QUICK = {"strategy": {"direct": {"promote": {"bake": "1s", "keep_warm": "0s"}}}, "probe": {"requests": 2}}
LONG = {"strategy": {"direct": {"promote": {"bake": "60s"}}}, "probe": {"requests": 2}}
CANARY = {
    "strategy": {
        "canary": {
            "steps": [{"split": "20%", "soak": "4s"}, {"split": "50%", "soak": "4s"}],
            "promote": {"bake": "1s", "keep_warm": "0s"},
        }
    },
    "probe": {"requests": 2},
    "assignment": {"unit": "request"},
    "guardrails": [{"metric": "error_rate", "max_increase": "40%", "hard": "> 30%"}],
    "analysis": {"interval": "500ms", "min_samples": 10, "max_extensions": 5},
}
MODELS = {
    "good": {"answer": "good", "first_token_seconds": 0.02, "token_seconds": 0.002},
    "better": {"answer": "better", "first_token_seconds": 0.01, "token_seconds": 0.001},
    "dead": {"faults": [{"kind": "error", "status": 500}]},
    "flaky": {
        "answer": "flaky",
        "first_token_seconds": 0.02,
        "faults": [{"kind": "error", "status": 500, "probability": 0.5, "after_requests": 2}],
    },
    "hanging": {"answer": "hanging", "faults": [{"kind": "hang", "after_requests": 2}]},
    "dear": {"answer": "dear " * 20},
    "rotten": {"answer": "rotten", "faults": [{"kind": "error", "status": 503, "after_requests": 2}]},
}

PRICES = {"*": PriceSpec(input=Decimal(1), output=Decimal(4))}


def bundle(model: str, system: str = "Be kind.") -> dict:
    return {"kind": "Bundle", "model": f"sim/{model}", "prompt": {"system": system}}


class Running:
    def __init__(self, simulator, installation, client, traffic) -> None:
        self.simulator = simulator
        self.supervisor = installation.supervisor
        self.gateway_url, self.control_url = installation.gateway_url, installation.control_url
        self.client = client
        self.traffic = traffic

    async def stable(self) -> str:
        return (await self.client.status(SERVICE)).stable

    async def release(self, version: str, content: dict, spec: dict):
        await self.client.push(content, service=SERVICE, version=version)
        started = await self.client.release(SERVICE, version, spec=spec)
        return (await self.client.wait(started.id, timeout=120)).release


@asynccontextmanager
async def running(folder: Path, per_second: float = 30.0, workers: int = 1):
    async with Simulator({"models": MODELS}) as simulator:
        settings = Settings(
            listen=ListenSettings(gateway="127.0.0.1:0", control="127.0.0.1:0"),
            storage=StorageSettings(
                database=f"sqlite:///{folder / 'tidegate.db'}",
                artifacts=str(folder / "artifacts"),
                gateway=str(folder / "gateways"),
            ),
            providers={"sim": ProviderSpec(dialect="openai", base_url=f"{simulator.url}/v1", prices=PRICES)},
            services={SERVICE: ServiceSettings(stable={"model": "sim/good", "prompt": {"system": "Be kind."}})},
        )
        with (folder / "log").open("wb") as log:
            up = installed(settings, os.environ, workers=workers, output=log.fileno(), drain_seconds=5)
            async with up as installation, AsyncClient(installation.control_url) as client:
                traffic = Traffic(installation.gateway_url, SERVICE, per_second)
                sending = asyncio.create_task(traffic.run())
                try:
                    yield Running(simulator, installation, client, traffic)
                finally:
                    await asyncio.sleep(0.3)
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)


async def until(condition, seconds: float = 90.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def serves(run: Running, version: str) -> bool:
    return [share for share in shares(run.traffic.window(0.5)) if share[0].startswith(f"{SERVICE}/{version}")] != []


@pytest.mark.timeout(120)
async def test_a_good_release_a_dead_one_a_rotten_one_and_a_rollback_fail_no_request(tmp_path):
    async with running(tmp_path) as run:
        await until(lambda: serves(run, "v1.0.0"))

        good = await run.release("v1.1.0", bundle("better"), QUICK)
        assert good.phase in {"draining", "succeeded"}
        assert (await run.stable()).startswith(f"{SERVICE}/v1.1.0")
        await until(lambda: serves(run, "v1.1.0"))

        dead = await run.release("v1.2.0", bundle("dead"), QUICK)
        assert (dead.phase, dead.exposed_requests) == ("rejected", 0)

        rotten = await run.release("v1.3.0", bundle("rotten"), LONG)
        assert rotten.phase == "rolled_back"
        assert (await run.stable()).startswith(f"{SERVICE}/v1.1.0")
        incidents = (await run.client.incidents(service=SERVICE)).incidents
        assert [incident.release for incident in incidents] == [rotten.id]
        assert incidents[0].time_to_stable_seconds is not None

        back = await run.client.rollback(SERVICE, reason="customers complain")
        await run.client.wait(back.id, timeout=120)
        assert (await run.stable()).startswith(f"{SERVICE}/v1.0.0")
        await until(lambda: serves(run, "v1.0.0"))

        assert (await run.client.verify_audit()).is_whole
        assert run.traffic.sent > 60
        assert run.traffic.failed == 0


@pytest.mark.timeout(120)
async def test_control_killed_while_traffic_flows_fails_no_request_and_loses_no_observation(tmp_path):
    async with running(tmp_path) as run:
        await until(lambda: serves(run, "v1.0.0"))
        first = run.supervisor.pid("control")
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(1.5)
        await until(lambda: answers(run.client))
        assert run.supervisor.pid("control") not in {None, first}
        released = await run.release("v1.1.0", bundle("better"), QUICK)
        assert released.phase in {"draining", "succeeded"}
        assert run.traffic.failed == 0
        done = run.traffic.sent - 5  # the last few may still be under way

        async def all_stored() -> bool:
            return await stored_requests(run.client) >= done

        await until(all_stored)


@pytest.mark.timeout(120)
async def test_a_killed_gateway_of_two_comes_back_and_new_requests_are_served(tmp_path):
    async with running(tmp_path, per_second=10, workers=2) as run:
        await until(lambda: serves(run, "v1.0.0"))
        first = run.supervisor.pid("gateway-1")
        os.kill(first, signal.SIGKILL)

        async def is_back() -> bool:
            pid = run.supervisor.pid("gateway-1")
            gateways = (await run.client.gateways()).items
            return pid not in {None, first} and any(seen.pid == pid for seen in gateways)

        await until(is_back)
        failed = run.traffic.failed  # requests on the killed process's own connections cannot be saved
        released = await run.release("v1.1.0", bundle("better"), QUICK)
        assert released.phase in {"draining", "succeeded"}
        assert run.traffic.failed == failed


@pytest.mark.timeout(120)
async def test_a_canary_is_promoted_when_good_and_taken_back_when_bad_and_no_request_fails(tmp_path):
    async with running(tmp_path, per_second=60) as run:
        await until(lambda: serves(run, "v1.0.0"))

        good = await run.release("v1.1.0", bundle("better"), CANARY)
        told = (await run.client.explain(good.id)).sentences
        assert good.phase in {"draining", "succeeded"}, told
        assert sum("The step passes" in sentence for sentence in told) == 2, told
        assert (await run.stable()).startswith(f"{SERVICE}/v1.1.0")

        bad = await run.release("v1.2.0", bundle("flaky"), CANARY)
        told = (await run.client.explain(bad.id)).sentences
        assert bad.phase == "rolled_back", told
        assert (await run.stable()).startswith(f"{SERVICE}/v1.1.0")
        incident = (await run.client.incidents(service=SERVICE)).incidents[0]
        assert (incident.release, incident.exposed_requests > 0) == (bad.id, True)
        assert run.traffic.failed == 0


async def answers(client: AsyncClient) -> bool:
    from tidegate.errors import TidegateError

    try:
        await client.status(SERVICE)
    except TidegateError:
        return False
    return True


async def stored_requests(client: AsyncClient) -> int:
    total, cursor = 0, None
    while True:
        page = await client.requests(service=SERVICE, limit=200, cursor=cursor)
        total += len(page.items)
        if (cursor := page.next) is None:
            return total
