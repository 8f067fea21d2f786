"""How long a candidate that dies still gets requests, after it failed n times in a row in one gateway process.

    python bench/cut_off.py [--rounds 10] [--rate 200] [--workers 2]

The real product under load: `tidegate up`, a canary of one half, a model that answers 500 from one moment on. The model
knows by the connection which gateway process each request came from. Told are: requests that came from the process in
which the candidate had failed n times in a row already, when the last request of any process came after that moment,
and how many users got no answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "src")]

import httpx2  # noqa: E402
import psutil  # noqa: E402
import yaml  # noqa: E402

from tidegate.client import AsyncClient  # noqa: E402

FAILURES = 5  # in a row, as the product has it
ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "well"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
CANARY = {
    "strategy": {"canary": {"steps": [{"split": "50%", "soak": "10m"}]}},
    "probe": {"requests": 1},
    "assignment": {"unit": "request"},
    "guardrails": [{"metric": "error_rate", "hard": "> 90%"}],
    "rollback": {"cooldown": "0s"},
}


class Arrival(NamedTuple):
    """One request of the candidate: when it came, when it was answered, and the port it came from."""

    came: float
    answered: float
    port: int


class Model:
    """Answers at once; the candidate fails from :attr:`dies` on."""

    def __init__(self) -> None:
        self.url = ""
        self.is_dead = False
        self.failed: list[Arrival] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                came = time.perf_counter()
                length = next(
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
                )
                asked = json.loads(await reader.readexactly(length))
                fails = self.is_dead and asked["model"] == "rotten"
                body = json.dumps({"error": {"message": "dead"}} if fails else ANSWER).encode()
                status = b"500 dead" if fails else b"200 OK"
                writer.write(
                    b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
                    + body
                )
                if fails:
                    self.failed.append(Arrival(came, time.perf_counter(), port))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Round(NamedTuple):
    """What was seen after a death: requests too many, and milliseconds."""

    in_process: int
    last_ms: float
    requests: int


def judge(failed: list[Arrival], process_of: dict[int, int]) -> Round:
    """Of the requests that the dead candidate got, by the processes they came from."""
    by_process: dict[int, list[Arrival]] = defaultdict(list)
    for arrival in failed:
        by_process[process_of[arrival.port]].append(arrival)
    reached = [
        sorted(each.answered for each in found)[FAILURES - 1] for found in by_process.values() if len(found) >= FAILURES
    ]
    first = min(reached)
    too_many = sum(
        sum(each.came > sorted(one.answered for one in found)[FAILURES - 1] for each in found)
        for found in by_process.values()
        if len(found) >= FAILURES
    )
    return Round(too_many, max(0.0, (max(each.came for each in failed) - first) * 1e3), len(failed))


def ports_of(supervisor: int) -> dict[int, int]:
    """The local ports of connections of each gateway process, to its process id."""
    found = {}
    for child in psutil.Process(supervisor).children(recursive=True):
        for connection in child.net_connections():
            if connection.laddr:
                found[connection.laddr.port] = child.pid
    return found


async def load(url: str, rate: float, failures: list[str]) -> None:
    body = {"model": "bot", "messages": [{"role": "user", "content": "Hello"}]}
    tasks: set[asyncio.Task[None]] = set()
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:

        async def ask() -> None:
            answer = await client.post(f"{url}/v1/chat/completions", json=body)
            if answer.status_code != 200:
                failures.append(answer.text)

        due = time.perf_counter()
        try:
            while True:
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                task = asyncio.create_task(ask())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:
            await asyncio.gather(*tasks, return_exceptions=True)


async def until(client: AsyncClient, release: str, phase: str, sub_phase: str | None = None) -> None:
    async with asyncio.timeout(60):
        while True:
            seen = await client.release_by_id(release)
            if seen.phase == phase and sub_phase in {None, seen.sub_phase}:
                return
            await asyncio.sleep(0.05)


async def measure(rounds: int, rate: float, workers: int) -> tuple[list[Round], list[str]]:
    model, found, failures = Model(), [], []
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    model.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tidegate.yaml"
        file.write_text(
            yaml.safe_dump(
                {
                    "listen": {"gateway": "127.0.0.1:0", "control": "127.0.0.1:0"},
                    "providers": {"sim": {"dialect": "openai", "base_url": model.url}},
                    "services": {"bot": {"stable": {"model": "sim/good"}}},
                }
            )
        )
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        words = [sys.executable, "-m", "tidegate", "up", "-c", str(file), "--workers", str(workers), "--json"]
        process = await asyncio.create_subprocess_exec(
            *words, cwd=folder, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        loading = None
        try:
            told = json.loads(await asyncio.wait_for(process.stdout.read(4096), 60))
            async with AsyncClient(told["control"]) as client:
                await client.push({"model": "sim/rotten"}, service="bot", version="v1.1.0")
                loading = asyncio.create_task(load(told["gateway"], rate, failures))
                release = (await client.release("bot", "v1.1.0", spec=CANARY)).id
                for number in range(rounds):
                    await until(client, release, "progressing", "soaking")
                    await asyncio.sleep(1)
                    process_of = ports_of(process.pid)
                    model.is_dead = True
                    await until(client, release, "rolled_back")
                    await asyncio.sleep(0.3)
                    found.append(judge(model.failed, ports_of(process.pid) | process_of))
                    model.is_dead, model.failed = False, []
                    if number + 1 < rounds:
                        await client.retry(release, reason="once more")
        finally:
            if loading is not None:
                loading.cancel()
                await asyncio.gather(loading, return_exceptions=True)
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 60)
            server.close()
    return found, failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    found, failures = asyncio.run(measure(given.rounds, given.rate, given.workers))
    last = sorted(each.last_ms for each in found)
    print(
        f"{given.workers} workers, {given.rate:g} requests/s, {len(found)} deaths after {FAILURES} failures in a row: "
        f"{sum(each.in_process for each in found)} requests in the same process after that; the last one from any process came "
        f"{statistics.median(last):.0f} ms (median) and {last[-1]:.0f} ms (longest) later; "
        f"{statistics.mean(each.requests for each in found):.1f} requests met the dead candidate each time, {len(failures)} users got an error"
    )


if __name__ == "__main__":
    main()
