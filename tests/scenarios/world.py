"""The whole control side in one process, with a clock that is moved by hand and gateways that are played."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from tests.scenarios.played_gateway import PlayedGateway

from tidegate.controller.clock import ManualClock
from tidegate.controller.control import Control
from tidegate.controller.control_settings import ControlSettings
from tidegate.controller.intents import Actor
from tidegate.delivery.bundle import Bundle, Lineage
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.service import ProviderSpec, ServiceSpec
from tidegate.delivery.snapshot import Cutoff
from tidegate.delivery.version import VersionNumber
from tidegate.registry import audit, schema
from tidegate.registry.database import Database
from tidegate.registry.providers import put_provider
from tidegate.registry.services import put_service, set_first_stable
from tidegate.registry.versions import insert_version
from tidegate.shapes.releases import Release

START = datetime(2026, 9, 15, 12, tzinfo=UTC)
ALICE = Actor(name="alice", roles=("operator",))
BOB = Actor(name="bob", roles=("operator",))


class World:
    """Given: services, versions, gateways. When: time passes, people ask. Then: look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(START)
        self.gateways: list[PlayedGateway] = []
        self.broken: set[str] = set()  # versions whose probes fail
        self.unanswered = False  # probes get no answer at all
        self.probed: list[str] = []
        self.starts = 0
        self.settings: dict[str, Any] = {}  # of every control process
        self.told: list[httpx2.Request] = []  # what went to addresses outside
        self.outside: Callable[[httpx2.Request], httpx2.Response] = lambda _: httpx2.Response(200)
        self.judge: Callable[[httpx2.Request], httpx2.Response] = lambda _: httpx2.Response(503)
        self.control: Control

    @classmethod
    async def create(cls, folder: Path, gateways: int = 2, **settings: Any) -> "World":
        """A world with a provider, gateways and no service; ``settings`` are control's."""
        world = cls(folder)
        world.settings = settings
        for name, metadata in (("state", schema.state), ("observed", schema.observations)):
            database = Database(f"sqlite:///{folder}/{name}.db", durability="normal")
            async with database.engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
            await database.close()
        await world.start()
        async with world.control.state.write() as connection:
            spec = ProviderSpec(dialect="openai", base_url="http://127.0.0.1:1/v1")
            await put_provider(connection, "local", spec, actor="test", at=world.clock.now())
        await world.control.operations.routing_changed()
        world.gateways = [PlayedGateway(world, "g" * (n + 1)) for n in range(gateways)]
        world.beat()
        return world

    def new_control(self, **settings: Any) -> Control:
        """Another control process over the same databases."""
        self.starts += 1
        state = Database(f"sqlite:///{self.folder}/state.db", durability="normal")
        observed = Database(f"sqlite:///{self.folder}/observed.db", durability="normal")
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        made = ControlSettings(leader=f"control-{self.starts}", **(self.settings | settings))
        return Control(state, observed, made, clock=self.clock, client=client)

    async def start(self) -> None:
        """A fresh control process takes over."""
        self.control = self.new_control()
        await self.control.start(is_background=False)

    async def crash(self) -> None:
        """The process is gone at once; only the databases remain."""
        await self.control.effects.stop()
        await self.control.measurer.stop()
        await self.close_databases(self.control)

    async def restart(self) -> None:
        """Crash and come back; gateways find the new process."""
        await self.crash()
        await self.start()
        self.beat()

    async def close(self) -> None:
        """The end of a test."""
        await self.control.stop()
        await self.close_databases(self.control)

    async def close_databases(self, control: Control) -> None:
        await control.state.close()
        await control.observed.close()

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host != "127.0.0.1":
            self.told.append(request)
            return self.outside(request)
        if self.unanswered:
            raise httpx2.ConnectError("refused")
        reference = request.headers.get("x-tidegate-force-version")
        if reference is None:
            return self.judge(request)
        self.probed.append(reference)
        headers = {"x-tidegate-version": reference, "x-tidegate-attempts": "1"}
        if reference in self.broken:
            return httpx2.Response(500, headers=headers, json={"error": {"message": "the model is broken"}})
        answer = {"choices": [{"message": {"role": "assistant", "content": "ready"}, "finish_reason": "stop"}]}
        return httpx2.Response(200, headers=headers, json=answer)

    async def service(
        self, name: str, *numbers: str, stable: bool = True, spec: ServiceSpec | None = None
    ) -> list[str]:
        """A service with versions, the first of them stable; returns their references."""
        async with self.control.state.write() as connection:
            await put_service(connection, name, spec or ServiceSpec(), actor="test", at=self.clock.now())
        references = [await self.version(name, number) for number in numbers]
        if stable:
            async with self.control.state.write() as connection:
                await set_first_stable(connection, name, references[0], actor="test", at=self.clock.now())
        await self.control.operations.routing_changed()
        self.beat()
        return references

    async def version(self, service: str, number: str, model: str | None = None) -> str:
        """Another version of a service."""
        bundle = Bundle(model=model or f"local/model-{number}")
        async with self.control.state.write() as connection:
            made = await insert_version(
                connection,
                service,
                VersionNumber.parse(number),
                bundle,
                manifest=(),
                digest=hashlib.sha256(f"{service}{bundle.model}".encode()).hexdigest(),
                lineage=Lineage(),
                actor="test",
                at=self.clock.now(),
            )
        return made.ref

    async def release(self, service: str, version: str, *, bake: str = "30s", **fields: Any) -> Release:
        """Submit a direct release; ``fields`` go into the release file."""
        document = {
            "kind": "Release",
            "service": service,
            "version": version,
            "strategy": {"direct": {"promote": {"bake": bake}}},
            "probe": {"requests": 2},
            **fields,
        }
        return await self.control.operations.submit_release(parse_release(document), actor=ALICE, reason="try it")

    def beat(self) -> None:
        """Every gateway lives on."""
        for gateway in self.gateways:
            gateway.beat()

    async def settle(self) -> None:
        """Passes, acknowledgements and effects until nothing changes any more."""
        for _ in range(30):
            is_changed = await self.control.controller.reconcile()
            await self.control.effects.settle()
            before = [gateway.snapshot for gateway in self.gateways]
            self.beat()
            is_calm = not is_changed and before == [gateway.snapshot for gateway in self.gateways]
            if is_calm and not await self.control.controller.reconcile():
                return
        raise AssertionError("the controller never comes to rest")

    async def advance(self, seconds: float, each: Callable[[], Any] | None = None) -> None:
        """Let time pass second by second."""
        for _ in range(int(seconds)):
            self.clock.advance(timedelta(seconds=1))
            self.beat()
            if each is not None:
                await each()
            await self.settle()

    async def until(
        self, release: str, *phases: str, at_most: int = 200, each: Callable[[], Any] | None = None
    ) -> Release:
        """Let time pass until the release is in one of ``phases`` (``phase`` or ``phase.sub_phase``)."""
        for _ in range(at_most):
            await self.settle()
            view = await self.look(release)
            if {view.phase, f"{view.phase}.{view.sub_phase}"} & set(phases):
                return view
            await self.advance(1, each)
        view = await self.look(release)
        raise AssertionError(
            f"{release} is {view.phase}.{view.sub_phase} {view.pause_reasons}, not in {phases}: {view}"
        )

    async def step_until(self, release: str, *places: str) -> Release:
        """Single passes, no time, until the release is in one of ``places``, however short it stays there."""
        for _ in range(40):
            view = await self.look(release)
            if {view.phase, f"{view.phase}.{view.sub_phase}"} & set(places):
                return view
            await self.control.controller.reconcile()
            await self.control.effects.settle()
            self.beat()
        raise AssertionError(f"{release} is {view.phase}.{view.sub_phase}, not in {places}")

    async def look(self, release: str) -> Release:
        """The release now."""
        return await self.control.queries.release(release)

    async def stable(self, service: str) -> str | None:
        """What the service's pointer names."""
        return (await self.control.queries.status(service)).stable

    def weights(self, service: str) -> dict[str, int]:
        """What the published table gives to whom."""
        route = self.control.publisher.current.services[service]
        return {variant.version: variant.weight for variant in route.variants}

    async def codes(self, release: str) -> list[str]:
        """What happened to the release, as reason codes in order."""
        explained = await self.control.queries.explain(release)
        return [event.code for event in explained.events]

    async def is_audit_whole(self) -> bool:
        """Whether the chain of audit rows is unbroken."""
        async with self.control.state.read() as connection:
            return (await audit.verify(connection)).is_whole


def weights_over_time(world: World, service: str, version: str) -> tuple[list[int], Callable[[], Any]]:
    """A list that grows by the version's published weight each second."""
    seen: list[int] = []

    async def look() -> None:
        seen.append(world.weights(service).get(version, 0))

    return seen, look


def cutoff(release: str, service: str, attempt: int = 1) -> Cutoff:
    """What a gateway reports after hard failures in a row."""
    return Cutoff(
        service=service, release=release, attempt=attempt, variant="candidate", failures=5, reason="upstream_error"
    )


def without(view: Release, *fields: str) -> dict[str, Any]:
    """A view as a dictionary, without some fields."""
    return {name: value for name, value in msgspec.structs.asdict(view).items() if name not in fields}
