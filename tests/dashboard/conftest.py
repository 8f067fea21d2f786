import re
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from tests.fakes.control_server import CONFIGURATION, serving

CANARY = {
    "strategy": {"canary": {"steps": [{"split": "5%", "soak": "10m"}, {"approve": "approver"}]}},
    "probe": {"requests": 1},
}


def pytest_collection_modifyitems(items):
    """One event loop for the whole folder, so that a server may outlive a test."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path):
    """A control of the test's own, with the provider sim and the service bot."""
    async with serving(tmp_path) as made, made.client(actor="ann@desk") as client:
        await client.apply([CONFIGURATION])
        yield made


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def shared(tmp_path_factory):
    """The same for a whole module: for tests that leave it as they found it, or do not mind."""
    async with serving(tmp_path_factory.mktemp("shared")) as made, made.client(actor="ann@desk") as client:
        await client.apply([CONFIGURATION])
        yield made


class Browser:
    """Keeps cookies, fills in forms, follows nothing unasked."""

    def __init__(self, url: str) -> None:
        self.http = httpx2.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=10)

    async def get(self, path: str, **more) -> httpx2.Response:
        return await self.http.get(path, **more)

    async def post(self, path: str, **fields: str) -> httpx2.Response:
        return await self.http.post(path, data=fields)

    async def token(self, path: str = "/login") -> str:
        found = re.search(r'name="token" value="([0-9a-f]+)"', (await self.get(path)).text)
        assert found
        return found[1]

    async def log_in(self, key: str) -> httpx2.Response:
        return await self.post("/login", token=await self.token(), key=key, next="/")


@asynccontextmanager
async def browser(server):
    made = Browser(server.url)
    try:
        yield made
    finally:
        await made.http.aclose()


async def submit(server, version: str = "v1.1.0", key: str | None = None) -> str:
    """A canary of a new version; its id."""
    async with server.client(key) as client:
        await client.push(
            {"model": "sim/gpt", "prompt": {"system": f"You are {version}."}}, service="bot", version=version
        )
        return (await client.release("bot", version, spec=CANARY, reason="try it")).id
