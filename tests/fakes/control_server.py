"""The admin API over a real socket: real control, SQLite and artifact folder; gateways and upstreams are played."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import uvicorn
from fastapi import FastAPI

from tidegate.api.app import ApiSettings, create_app
from tidegate.client import AsyncClient, Client
from tidegate.controller.control import Control
from tidegate.controller.control_settings import ControlSettings
from tidegate.dashboard.app import with_dashboard
from tidegate.delivery.snapshot import Heartbeat
from tidegate.registry import schema
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.database import Database
from tidegate.registry.keys import create_key

CONFIGURATION = {
    "providers": {"sim": {"dialect": "openai", "base_url": "http://127.0.0.1:1/v1"}},
    "services": {"bot": {"stable": {"model": "sim/gpt", "prompt": {"system": "You help."}}}},
}
_HANG_SECONDS = 120  # a busy machine may take long; only what hangs takes longer


class ControlServer:
    """One running server."""

    def __init__(self, app: FastAPI, control: Control, artifacts: ArtifactStore, folder: Path) -> None:
        self.app = app
        self.control = control
        self.artifacts = artifacts
        self.folder = folder
        self.url = ""

    def client(self, key: str | None = None, **more) -> AsyncClient:
        return AsyncClient(self.url, key, **({"timeout": _HANG_SECONDS} | more))

    def blocking_client(self, key: str | None = None) -> Client:
        return Client(self.url, key, timeout=_HANG_SECONDS)

    async def send(self, method: str, path: str, **more) -> httpx2.Response:
        """A request as it is; paths are below /api/v1 unless they begin with //."""
        address = self.url + (path[1:] if path.startswith("//") else f"/api/v1{path}")
        async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=_HANG_SECONDS) as http:
            return await http.request(method, address, **more)

    async def key(self, name: str, *roles: str, services: tuple[str, ...] = ()) -> str:
        """A fresh key's secret."""
        now = self.control.clock.now()
        _, secret = await self.control.state.transact(
            lambda connection: create_key(connection, name, roles=roles, services=services, actor="test", at=now)
        )
        return secret

    def hear_gateway(self, name: str = "gateway-1") -> None:
        """A gateway that serves what is published says so."""
        table = self.control.publisher.current
        self.control.hear(
            Heartbeat(
                gateway=name,
                boot_id=f"boot-{name}",
                pid=1,
                address="127.0.0.1:7400",
                build="test",
                revision=table.revision,
                epoch=table.epoch,
            )
        )


@asynccontextmanager
async def serving(
    folder: Path, *, is_loopback: bool = True, join_token: str | None = None, answers_probes: bool = False
) -> AsyncIterator[ControlServer]:
    """A server inside the block, with no provider and no service yet.

    Args:
        answers_probes: the gateways that are played answer probes; else nobody does.
    """
    state = Database(f"sqlite:///{folder}/state.db", durability="normal")
    observed = Database(f"sqlite:///{folder}/observed.db", durability="normal")
    for database, metadata in ((state, schema.state), (observed, schema.observations)):
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
    artifacts = ArtifactStore(str(folder / "artifacts"))
    probed = httpx2.AsyncClient(transport=httpx2.MockTransport(_answer)) if answers_probes else None
    made_by = ControlSettings(leader="control-test", open_access=is_loopback)
    control = Control(state, observed, made_by, client=probed)
    await control.start()
    (folder / "spool").mkdir()
    settings = ApiSettings(is_loopback=is_loopback, join_token=join_token, spool=folder / "spool")
    app = create_app(control, artifacts, settings)
    server = uvicorn.Server(
        uvicorn.Config(
            with_dashboard(app),
            port=0,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
        )
    )
    made = ControlServer(app, control, artifacts, folder)
    task = asyncio.create_task(server._serve())
    try:
        while not server.started:
            assert not task.done(), "the server ended before it listened"
            await asyncio.sleep(0.005)
        made.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield made
    finally:
        app.state.plane.closing.set()
        control.publisher.close()
        server.should_exit = True
        await task
        await control.stop()
        await state.close()
        await observed.close()


def _answer(request: httpx2.Request) -> httpx2.Response:
    """A good answer of the version that a probe asks for."""
    headers = {"x-tidegate-version": request.headers["x-tidegate-force-version"], "x-tidegate-attempts": "1"}
    answer = {"choices": [{"message": {"role": "assistant", "content": "ready"}, "finish_reason": "stop"}]}
    return httpx2.Response(200, headers=headers, json=answer)
