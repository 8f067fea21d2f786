"""Changes of a running installation under steady load: no failed request, no cut stream, every observation stored once.

`tidegate up` runs as its users start it; signals and the configuration file are all that touches it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx2
import psutil
import pytest
import yaml

from tidegate.client import AsyncClient
from tidegate.errors import TidegateError
from tidegate.simulator import Simulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
KEY, OPERATOR = "tg_load_0123456789abcdef", "tg_oper_0123456789abcdef"
LONGEST_WAIT_SECONDS = 5.0  # for the first byte; generous, since everybody shares the machine
MODELS = {
    "good": {"answer": "A steady answer of some words.", "first_token_seconds": 0.01, "token_seconds": 0.002},
    "slow": {"answer": "word " * 60, "first_token_seconds": 0.02, "token_seconds": 0.05},
}


class Load:
    """Requests at a steady rate: whole, streamed, and now and then a stream of several seconds."""

    def __init__(self, url: str, per_second: float, *, is_fresh: bool = False) -> None:
        self.url = f"{url}/v1/chat/completions"
        self.per_second = per_second
        self.headers = {"authorization": f"Bearer {KEY}"} | ({"connection": "close"} if is_fresh else {})
        self.chance = random.Random(5)
        self.answered: list[str] = []  # request ids
        self.failures: list[str] = []
        self.repeated = 0
        self.longest_wait = 0.0
        self._open: set[asyncio.Task[None]] = set()
        self._numbers = iter(range(1_000_000))

    @asynccontextmanager
    async def steady(self):
        limits = httpx2.Limits(max_connections=300, max_keepalive_connections=30)
        async with httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False, headers=self.headers) as client:
            arriving = asyncio.create_task(self._arrive(client))
            try:
                yield self
            finally:
                arriving.cancel()
                await asyncio.gather(arriving, return_exceptions=True)
                await asyncio.gather(*self._open)

    async def _arrive(self, client: httpx2.AsyncClient) -> None:
        due = monotonic()
        while True:
            due += 1 / self.per_second
            await asyncio.sleep(max(0.0, due - monotonic()))
            task = asyncio.create_task(self._ask(client, next(self._numbers)))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _ask(self, client: httpx2.AsyncClient, number: int) -> None:
        is_long = number % 20 == 0
        body = {
            "model": "slow-bot" if is_long else "bot",
            "stream": is_long or number % 2 == 0,
            "user": f"user-{self.chance.randrange(100)}",
            "messages": [{"role": "user", "content": f"question {number}"}],
        }
        for _ in range(3):
            try:
                await self._once(client, body)
            except httpx2.HTTPError as error:
                if "without sending a response" not in str(error):
                    self.failures.append(f"{number}: {error!r}")
                    return
                self.repeated += 1  # a kept connection ended cleanly before any byte of an answer
            else:
                return
        self.failures.append(f"{number}: ended three times without an answer")

    async def _once(self, client: httpx2.AsyncClient, body: dict) -> None:
        begun = monotonic()
        async with client.stream("POST", self.url, json=body) as answer:
            self.longest_wait = max(self.longest_wait, monotonic() - begun)
            text = (await answer.aread()).decode()
        is_whole = text.rstrip().endswith("data: [DONE]") if body["stream"] else "choices" in json.loads(text)
        if answer.status_code != 200 or not is_whole:
            self.failures.append(f"{answer.status_code}: {text[-300:]}")
        else:
            self.answered.append(answer.headers["x-request-id"])

    def assert_flawless(self, most_repeated: int = 0) -> None:
        assert self.failures == []
        assert self.repeated <= most_repeated
        assert self.longest_wait < LONGEST_WAIT_SECONDS
        assert len(self.answered) > self.per_second  # it did load something


class Up:
    """A running `tidegate up` and its configuration file."""

    def __init__(self, folder: Path, provider: str) -> None:
        self.file = folder / "tidegate.yaml"
        self.log = folder / "log"
        self.configuration = {
            "listen": {"gateway": "127.0.0.1:0", "control": "127.0.0.1:0"},
            "providers": {"sim": {"dialect": "openai", "base_url": provider}},
            "keys": [
                {"name": "load", "key": KEY, "roles": ["invoke"]},
                {"name": "operator", "key": OPERATOR, "roles": ["admin", "operator", "approver", "viewer", "invoke"]},
            ],
            "services": {"bot": {"stable": {"model": "sim/good"}}, "slow-bot": {"stable": {"model": "sim/slow"}}},
        }
        self.write()
        self.process: asyncio.subprocess.Process
        self.gateway_url = self.control_url = ""

    def write(self) -> None:
        self.file.write_text(yaml.safe_dump(self.configuration))

    def client(self) -> AsyncClient:
        return AsyncClient(self.control_url, OPERATOR)

    def logged(self, event: str) -> list[dict]:
        written = self.log.read_text().rpartition("\n")[0]  # the last line may be half there
        lines = (line for line in written.splitlines() if line.startswith("{"))
        return [line for line in map(json.loads, lines) if line["message"] == event]

    def children(self, module: str) -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children()
        return sorted((child for child in found if _runs(child, module)), key=lambda child: child.pid)

    async def reload(self) -> None:
        """SIGHUP, until it is told in the log what became of it."""
        ends = "reload.done", "reload.refused", "reload.failed"
        before = sum(len(self.logged(event)) for event in ends)
        self.process.send_signal(signal.SIGHUP)

        async def is_over() -> bool:
            return sum(len(self.logged(event)) for event in ends) > before

        await until(is_over, 40)


def _runs(process: psutil.Process, module: str) -> bool:
    try:
        return any(module in part for part in process.cmdline())
    except psutil.Error:
        return False


@asynccontextmanager
async def up(folder: Path, *, workers: int = 1):
    async with Simulator({"models": MODELS}) as simulator:
        made = Up(folder, f"{simulator.url}/v1")
        made.configuration["workers"] = workers
        made.write()
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with made.log.open("wb") as log:
            made.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tidegate", "up", "-c", str(made.file), "--json",
                stdout=asyncio.subprocess.PIPE, stderr=log, env=environ,
            )  # fmt: skip
            try:
                announced = json.loads(await asyncio.wait_for(made.process.stdout.read(4096), 120))
                made.gateway_url, made.control_url = announced["gateway"], announced["control"]
                yield made
            finally:
                made.process.send_signal(signal.SIGTERM)
                await asyncio.wait_for(made.process.wait(), 120)


async def until(condition, seconds: float = 90.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def answers(running: Up) -> bool:
    async with running.client() as client:
        try:
            await client.status("bot")
        except TidegateError:
            return False
    return True


async def assert_stored_once(running: Up, load: Load) -> None:
    """Every answered request is stored, none twice, and nothing was lost on the way."""
    stored: list[str] = []

    async def are_all_stored() -> bool:
        stored[:] = []
        async with running.client() as client:
            for service in ("bot", "slow-bot"):
                cursor = None
                while True:
                    page = await client.requests(service=service, limit=200, cursor=cursor)
                    stored.extend(row.request_id for row in page.items)
                    if (cursor := page.next) is None:
                        break
        return set(load.answered) <= set(stored)

    try:
        await until(are_all_stored)
    except TimeoutError:
        missing = set(load.answered) - set(stored)
        pytest.fail(f"{len(missing)} of {len(load.answered)} observations are missing")
    assert [each for each, count in Counter(stored).items() if count > 1] == []


@pytest.fixture(params=[60, pytest.param(200, marks=pytest.mark.slow)], ids=lambda rate: f"{rate}/s")
def rate(request) -> float:
    return request.param


async def test_a_rolling_restart_with_a_new_key_and_service_fails_nothing_with_one_worker(tmp_path, rate):
    async with up(tmp_path) as running:
        (before,) = running.children("gateway_process")
        (control,) = running.children("control_process")
        async with Load(running.gateway_url, rate).steady() as load:
            await asyncio.sleep(0.7)
            running.configuration["keys"].append({"name": "added", "key": "tg_added_0123456789"})
            running.configuration["services"]["added-bot"] = {"stable": {"model": "sim/good"}}
            running.write()
            await running.reload()
            assert [line["tidegate.workers"] for line in running.logged("reload.done")] == [1]
            question = {"model": "added-bot", "messages": [{"role": "user", "content": "hello"}]}
            async with httpx2.AsyncClient(trust_env=False) as users:
                answer = await users.post(
                    load.url, json=question, headers={"authorization": "Bearer tg_added_0123456789"}
                )
            assert answer.status_code == 200
            await asyncio.sleep(1.0)
        load.assert_flawless()
        await assert_stored_once(running, load)

        async def is_replaced() -> bool:
            return len(running.children("gateway_process")) == 1

        await until(is_replaced)
        assert running.children("gateway_process") != [before]
        assert running.children("control_process") != [control]
        async with running.client() as client:
            assert {"gateway-1"} == {seen.id for seen in (await client.gateways()).items}
    assert running.logged("child.killed") == []


async def test_workers_come_and_go_and_what_cannot_be_is_refused_and_changes_nothing(tmp_path, rate):
    async with up(tmp_path) as running:
        async with Load(running.gateway_url, rate).steady() as load:
            await asyncio.sleep(0.3)
            for workers in (2, 1):
                running.configuration["workers"] = workers
                running.write()
                await running.reload()
            assert [line["tidegate.workers"] for line in running.logged("reload.done")] == [2, 1]
            children = running.children("process")
            good = running.file.read_text()
            twice = running.configuration["keys"] + [{"name": "twin", "key": KEY}]  # known only when it is applied
            running.file.write_text(yaml.safe_dump(running.configuration | {"keys": twice}))
            await running.reload()
            running.file.write_text(good.replace("dialect: openai", "dialect: klingon"))
            await running.reload()
            running.file.write_text(good.replace("control: 127.0.0.1:0", "control: 127.0.0.1:1"))
            await running.reload()
            refused = running.logged("reload.refused")
            assert len(refused) == 3
            assert "twin" in running.logged("configuration.refused")[0]["error.message"]
            assert "klingon" in refused[1]["error.message"]
            assert refused[2]["tidegate.remedy"] == "restart to change listen"

            async def is_drained() -> bool:
                return len(running.children("gateway_process")) == 1

            await until(is_drained)
            assert running.children("control_process")[0] in children
            assert running.children("gateway_process")[0] in children
        load.assert_flawless()
        await assert_stored_once(running, load)


async def test_control_killed_stopped_and_publishing_all_the_time_disturbs_no_request(tmp_path, rate):
    async with up(tmp_path) as running:
        async with Load(running.gateway_url, rate).steady() as load:
            await asyncio.sleep(0.3)
            for name in (signal.SIGKILL, signal.SIGTERM):
                (control,) = running.children("control_process")
                control.send_signal(name)

                async def is_another(before=control) -> bool:
                    return running.children("control_process") not in ([], [before]) and await answers(running)

                await until(is_another)
            async with running.client() as client:
                first = await revision_of(client)
                for turn in range(30):
                    due = monotonic() + 0.1
                    await client.create_key(f"key-{turn}", roles=["invoke"])
                    await asyncio.sleep(max(0.0, due - monotonic()))
                assert await revision_of(client) - first > 10
        load.assert_flawless()
        await assert_stored_once(running, load)


async def revision_of(client: AsyncClient) -> int:
    return max(seen.revision for seen in (await client.gateways()).items)


async def test_a_killed_gateway_of_two_leaves_new_connections_served_at_once(tmp_path):
    async with up(tmp_path, workers=2) as running:
        killed = running.children("gateway_process")[0]
        killed.kill()
        killed.wait(5)
        async with Load(running.gateway_url, 60, is_fresh=True).steady() as load:
            await asyncio.sleep(2.0)
        load.assert_flawless()

        async def is_back() -> bool:
            return len(running.children("gateway_process")) == 2

        await until(is_back)
        await assert_stored_once(running, load)
