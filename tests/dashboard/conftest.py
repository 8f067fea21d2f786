import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from tests.fakes.control_server import CONFIGURATION, serving
from tests.fakes.observations import batch, observation

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
    async with serving(tmp_path, answers_probes=True) as made, made.client(actor="ann@desk") as client:
        await client.apply([CONFIGURATION])
        yield made


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def shared(tmp_path_factory):
    """The same for a whole module: for tests that leave it as they found it, or do not mind."""
    async with (
        serving(tmp_path_factory.mktemp("shared"), answers_probes=True) as made,
        made.client(actor="ann@desk") as client,
    ):
        await client.apply([CONFIGURATION])
        yield made


class Browser:
    """Keeps cookies, fills in forms, follows nothing unasked."""

    def __init__(self, url: str) -> None:
        self.http = httpx2.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=60)

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


async def experiment(server, service: str = "tried", units: int = 900) -> str:
    """An A/B test under way, of an arm that costs half and one that fails half of its requests; its id."""
    async with server.client(actor="ann@desk") as client:
        await client.apply([{"services": {service: {"stable": {"model": "sim/gpt"}}}}])
        for number, model in (("v1.1.0", "sim/half"), ("v1.2.0", "sim/odd")):
            await client.push({"model": model}, service=service, version=number)
        spec = {
            "variants": {"control": "@stable", "half": "v1.1.0", "odd": "v1.2.0"},
            "strategy": {"ab_test": {"stop": "horizon", "horizon": "1h"}},
            "objectives": [{"metric": "cost_per_request"}],
            "guardrails": [{"metric": "error_rate", "hard": "> 90%"}],
            "probe": {"requests": 1},
        }
        release = await client.release(service, "v1.1.0", spec=spec, reason="which one?")
        async with asyncio.timeout(120):
            while (view := await client.release_by_id(release.id)).sub_phase != "soaking":
                server.hear_gateway()
                await asyncio.sleep(0.02)
    versions = dict(zip(("stable", "half", "odd"), view.weights, strict=True))
    start = int(server.control.clock.now().timestamp() * 1e6)
    rows = [
        observation(
            request_id=f"req_{service}_{number}",
            started_at_us=start + number,
            service=service,
            release=release.id,
            variant=variant,
            version=versions[variant],
            served="stable" if (is_failed := variant == "odd" and number % 2) else variant,
            unit_hash=number,
            propensity=view.weights[versions[variant]],
            assigned_outcome="upstream_error" if is_failed else "ok",
            cost_nano_usd=(500 if variant == "half" else 1_000) + number % 50,
            segments="beta" if number % 5 == 0 else "",
        )
        for number in range(units)
        for variant in [("stable", "half", "odd")[number % 3]]
    ]
    await server.control.store(batch(rows, boot_id=f"boot-{service}"))
    return release.id
