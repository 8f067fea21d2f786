"""Two control processes over one database, for real: one leads, and the other takes over when it is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import yaml

from tidegate.client import AsyncClient
from tidegate.errors import TidegateError
from tidegate.simulator import Simulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
MODELS = {
    "good": {"answer": "good", "first_token_seconds": 0.01, "token_seconds": 0.001},
    "better": {"answer": "better", "first_token_seconds": 0.01, "token_seconds": 0.001},
}
LONG = {"strategy": {"direct": {"promote": {"bake": "6s", "keep_warm": "0s"}}}, "probe": {"requests": 2}}


class Running:
    """Two controls, a gateway that knows both, and users."""

    def __init__(self) -> None:
        self.controls: list[tuple[asyncio.subprocess.Process, str]] = []
        self.gateway_url = ""
        self.sent = 0
        self.failures: list[str] = []

    def client(self, number: int) -> AsyncClient:
        return AsyncClient(self.controls[number][1])

    async def ask_for_ever(self) -> None:
        body = {"model": "bot", "messages": [{"role": "user", "content": "Hello"}]}
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as users:
            while True:
                answer = await users.post(f"{self.gateway_url}/v1/chat/completions", json=body)
                self.sent += 1
                if answer.status_code != 200:
                    self.failures.append(f"{answer.status_code} {answer.text[:200]}")
                await asyncio.sleep(0.02)


async def start(stack: AsyncExitStack, folder: Path, *words: str) -> tuple[asyncio.subprocess.Process, dict]:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    log = stack.enter_context((folder / "log").open("ab"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidegate", *words, "--json", stdout=asyncio.subprocess.PIPE, stderr=log, env=environ
    )

    async def end() -> None:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 40)

    stack.push_async_callback(end)
    return process, json.loads(await asyncio.wait_for(process.stdout.read(4096), 40))


@asynccontextmanager
async def running(folder: Path, database: str):
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator({"models": MODELS}))
        configuration = {
            "listen": {"gateway": "127.0.0.1:0", "control": "127.0.0.1:0"},
            "storage": {"database": database},
            "providers": {"sim": {"dialect": "openai", "base_url": f"{simulator.url}/v1"}},
            "services": {"bot": {"stable": {"model": "sim/good"}}},
        }
        file = folder / "tidegate.yaml"
        file.write_text(yaml.safe_dump(configuration))
        run = Running()
        for _ in range(2):
            process, told = await start(stack, folder, "control", "-c", str(file))
            run.controls.append((process, told["control"]))
            await until(lambda: answers(run, -1))
        urls = ",".join(url for _, url in run.controls)
        _, told = await start(stack, folder, "gateway", "-c", str(file), "--control", urls, "--id", "g1")
        run.gateway_url = told["gateway"]
        await until(lambda: serves(run))
        asking = asyncio.create_task(run.ask_for_ever())
        try:
            yield run
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


async def until(condition, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def answers(run: Running, number: int) -> bool:
    try:
        async with run.client(number) as client:
            await client.status("bot")
    except TidegateError:
        return False
    return True


async def serves(run: Running) -> bool:
    body = {"model": "bot", "messages": [{"role": "user", "content": "Hello"}]}
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as users:
            return (await users.post(f"{run.gateway_url}/v1/chat/completions", json=body)).status_code == 200
    except httpx2.HTTPError:
        return False


async def check_takeover(folder: Path, database: str) -> None:
    async with running(folder, database) as run:
        async with run.client(1) as standing_by:  # takes commands, though it does not lead
            await standing_by.push({"model": "sim/better"}, service="bot", version="v1.1.0")
            started = await standing_by.release("bot", "v1.1.0", spec=LONG)

            async def is_baking() -> bool:
                seen = await standing_by.release_by_id(started.id)
                return (seen.phase, seen.sub_phase) == ("promoting", "soaking")

            await until(is_baking)
            leader, _ = run.controls[0]
            leader.kill()  # in the middle of the bake
            await leader.wait()
            ended = (await standing_by.wait(started.id, timeout=90)).release
            told = (await standing_by.explain(started.id)).sentences
            assert ended.phase in {"draining", "succeeded"}, told
            assert (await standing_by.status("bot")).stable == started.version
            assert (await standing_by.verify_audit()).is_whole
            assert [gateway.id for gateway in (await standing_by.gateways()).items] == ["g1"]

            async def is_counted() -> bool:
                return len((await standing_by.requests(service="bot", release=started.id, limit=5)).items) == 5

            await until(is_counted)  # what waited in the spool while nobody led came to the new leader
        assert run.failures == []
        assert run.sent > 50


async def test_over_one_sqlite_file_the_other_takes_over_and_no_request_fails(tmp_path):
    await check_takeover(tmp_path, f"sqlite:///{tmp_path}/tidegate.db")


@pytest.mark.postgres
@pytest.mark.slow
async def test_over_postgresql_the_other_takes_over_and_no_request_fails(tmp_path, postgres_url):
    await check_takeover(tmp_path, postgres_url)
