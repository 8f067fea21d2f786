"""A real Prometheus and a real Alertmanager on free ports, ended with the test."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import yaml

PROMETHEUS, ALERTMANAGER = shutil.which("prometheus"), shutil.which("prometheus-alertmanager")
SHIPPED = Path(__file__).parents[2] / "deploy" / "monitoring"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Webhook:
    """Keeps the alerts that it is told of."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        body = await reader.readexactly(int(lines[b"content-length"]))
        self.alerts += msgspec.json.decode(body)["alerts"]
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    def named(self, name: str) -> list[dict[str, Any]]:
        """Those of one rule."""
        return [alert for alert in self.alerts if alert["labels"]["alertname"] == name]


@asynccontextmanager
async def webhook() -> AsyncIterator[Webhook]:
    made = Webhook()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made


@asynccontextmanager
async def alertmanager(folder: Path, receiver: str) -> AsyncIterator[str]:
    """With the shipped route, quicker, and every message to ``receiver``."""
    config = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    config["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    config["route"].pop("routes")
    config["receivers"] = [{"name": "people", "webhook_configs": [{"url": receiver}]}]
    file, port = folder / "alertmanager.yml", free_port()
    file.write_text(yaml.safe_dump(config))
    command = [
        str(ALERTMANAGER),
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    async with _running(command, f"http://127.0.0.1:{port}"):
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def prometheus(folder: Path, *, gateway: str, control: str, alerts_to: str) -> AsyncIterator[str]:
    """With the shipped rules and jobs, each second."""
    config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(SHIPPED / "tidegate.rules.yml")]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alerts_to]
    for job, address in zip(config["scrape_configs"], (gateway, control), strict=True):
        job["static_configs"][0]["targets"] = [address.removeprefix("http://")]
    file, port = folder / "prometheus.yml", free_port()
    file.write_text(yaml.safe_dump(config))
    command = [
        str(PROMETHEUS),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    async with _running(command, f"http://127.0.0.1:{port}"):
        yield f"http://127.0.0.1:{port}"


async def ask(url: str, query: str) -> list[dict[str, Any]]:
    """An instant query."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{url}/api/v1/query", params={"query": query})
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


@asynccontextmanager
async def _running(command: list[str], url: str) -> AsyncIterator[None]:
    devnull = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=devnull, stderr=devnull)
    try:
        async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False) as client:
            while True:
                assert process.returncode is None, f"{command[0]} ended with {process.returncode}"
                try:
                    if (await client.get(f"{url}/-/ready")).status_code == 200:
                        break
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.1)
        yield
    finally:
        process.terminate()
        await process.wait()
