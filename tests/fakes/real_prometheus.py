"""A real Prometheus that scrapes one page, and that a test may stop and start again where it was."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path

import httpx2

PROMETHEUS = shutil.which("prometheus")
NOT_INSTALLED = "prometheus is not installed (Debian package prometheus)"


class RealPrometheus:
    """The server; :meth:`start` and :meth:`stop` as often as wanted, with the same address and data.

    Args:
        folder: for its configuration and data.
        page: address of what it scrapes each second, ``http://HOST:PORT``, under ``/metrics``.
    """

    def __init__(self, folder: Path, page: str) -> None:
        self._folder = folder
        self._port = _free_port()
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s}\n"
            f"scrape_configs: [{{job_name: a, static_configs: [{{targets: ['{page.removeprefix('http://')}']}}]}}]\n"
        )

    async def start(self) -> None:
        """Run, and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            str(PROMETHEUS),
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/data",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=error",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False) as client:
            while not await self._is_ready(client):
                assert self._process.returncode is None, "prometheus ended"
                await asyncio.sleep(0.05)

    async def scraped(self, query: str) -> None:
        """Wait until an instant query gives something."""
        async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False) as client:
            while True:
                answer = await client.get(f"{self.url}/api/v1/query", params={"query": query})
                if answer.json()["data"]["result"]:
                    return
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """The server is gone: nobody listens any more."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def _is_ready(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/-/ready")).status_code == 200
        except httpx2.TransportError:
            return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
