"""A gateway over real sockets and what tests ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import httpx2
import msgspec

from tidegate.delivery.observation import Observation
from tidegate.delivery.pairs import PairRecord
from tidegate.delivery.records import Record
from tidegate.delivery.snapshot import (
    AccessKey,
    Price,
    Provider,
    ReleaseContext,
    ServiceRoute,
    Snapshot,
    Target,
    Timeouts,
    VariantRoute,
)
from tidegate.errors import OperatorError
from tidegate.gateway.app import Gateway
from tidegate.gateway.http.server import Server
from tidegate.gateway.records import Records
from tidegate.simulator import Simulator
from tidegate.wire.insertion import Insertion

KEY = "key-of-the-shop"
OPERATOR_KEY = "key-of-the-operator"
PRICE = Price(input=1_000_000, output=4_000_000, cached=250_000)

QUICK = Timeouts(connect=10.0, first_token=60.0, idle=60.0, total=120.0)


class Observations:
    """Keeps what a gateway records."""

    def __init__(self) -> None:
        self.rows: list[Observation] = []
        self.records = Records("gateway", "boot")
        self._pairs: list[PairRecord] = []
        self.others: list[Record] = []
        self.record = self.rows.append

    @property
    def pairs(self) -> list[PairRecord]:
        """Of mirrored requests, so far."""
        batch = self.records.take()
        for record in batch.decoded() if batch else []:
            (self._pairs if isinstance(record, PairRecord) else self.others).append(record)
        return self._pairs

    @property
    def only(self) -> Observation:
        assert len(self.rows) == 1, [row.outcome for row in self.rows]
        return self.rows[0]

    async def after(self, count: int) -> list[Observation]:
        """Wait until ``count`` are there: a client may be answered a moment before."""
        async with asyncio.timeout(120):
            while len(self.rows) < count:
                await asyncio.sleep(0.005)
        return self.rows


def resolve(reference: str, secrets: Any) -> str:
    kind, _, name = reference.partition(":")
    if kind == "memory" and name in secrets:
        return str(secrets[name])
    raise OperatorError(f"there is no secret {reference!r}")


def key(name: str, secret: str, *roles: str, services: tuple[str, ...] = ()) -> AccessKey:
    return AccessKey(name=name, sha256=sha256(secret.encode()).hexdigest(), roles=roles, services=services)


def variant(name: str = "stable", weight: int = 10_000, **settings: Any) -> VariantRoute:
    number = {"stable": "v1.0.0-aaaaaaaa", "candidate": "v1.1.0-bbbbbbbb"}.get(name, f"{name}-v1.2.0-cccccccc")
    values: dict[str, Any] = {
        "name": name,
        "version": f"bot/{number}",
        "weight": weight,
        "provider": "sim",
        "insertion": Insertion(model=f"{name}-model"),
        "timeouts": QUICK,
    }
    if isinstance(settings.get("fallbacks"), tuple):
        settings["fallbacks"] = tuple(
            Target(provider=text.partition("/")[0], model=text.partition("/")[2]) for text in settings["fallbacks"]
        )
    return VariantRoute(**(values | settings))


def service(*variants: VariantRoute, **settings: Any) -> ServiceRoute:
    values: dict[str, Any] = {"name": "bot", "stable": "stable", "salt": "s", "variants": variants or (variant(),)}
    return ServiceRoute(**(values | settings))


def release(**settings: Any) -> ReleaseContext:
    return ReleaseContext(**({"id": "r-7", "attempt": 2, "step": 3} | settings))


def canary(
    *, candidate: dict[str, Any] | None = None, stable: dict[str, Any] | None = None, **settings: Any
) -> ServiceRoute:
    """A service whose units all belong to the candidate."""
    return service(
        variant("stable", **({"weight": 0} | (stable or {}))),
        variant("candidate", **({"weight": 10_000} | (candidate or {}))),
        release=release(**settings),
    )


class Bench:
    """One gateway with its client, its simulators and what it recorded."""

    def __init__(self, gateway: Gateway, server: Server, observations: Observations) -> None:
        self.gateway = gateway
        self.server = server
        self.observations = observations
        self.secrets = {"sim": "sim-secret"}
        self.providers: dict[str, Provider] = {}
        self._revision = 0
        self.url = f"http://127.0.0.1:{server.port}"
        self.client = httpx2.AsyncClient(
            base_url=self.url, headers={"authorization": f"Bearer {KEY}"}, timeout=120, trust_env=False
        )

    def provide(self, name: str, simulator: Simulator | str, dialect: str = "openai", **settings: Any) -> None:
        """Declare a provider."""
        address = simulator if isinstance(simulator, str) else simulator.url
        base_url = f"{address}/v1" if dialect == "openai" else address
        values: dict[str, Any] = {
            "name": name,
            "dialect": dialect,
            "base_url": base_url,
            "credential": "memory:sim",
            "prices": {"*": PRICE},
        }
        self.providers[name] = Provider(**(values | settings))

    def publish(self, *services: ServiceRoute, has_lease: bool = True, **settings: Any) -> Snapshot:
        """Put a snapshot in force."""
        self._revision += 1
        values: dict[str, Any] = {
            "revision": self._revision,
            "epoch": 1,
            "mac_key": "ab" * 16,
            "keys": (key("shop", KEY, "invoke"), key("ops", OPERATOR_KEY, "invoke", "operator")),
            "providers": dict(self.providers),
            "services": {route.name: route for route in services},
        }
        snapshot = Snapshot(**(values | settings))
        assert self.gateway.holder.adopt(snapshot, self.secrets, has_lease=has_lease)
        return snapshot

    async def chat(self, *, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
        """One chat completion for the service ``bot``."""
        return await self.client.post("/v1/chat/completions", json=chat_body(**body), headers=headers)


def chat_body(**settings: Any) -> dict[str, Any]:
    return {"model": "bot", "messages": [{"role": "user", "content": "Hello there"}]} | settings


def events(text: str) -> list[Any]:
    """The JSON documents of an event stream, and ``[DONE]``."""
    found = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    return [data if data == "[DONE]" else msgspec.json.decode(data) for data in found]


def text_of(stream: str) -> str:
    """What an OpenAI chat stream says."""
    return "".join(
        choice["delta"].get("content") or ""
        for event in events(stream)
        if event != "[DONE]"
        for choice in event.get("choices", ())
    )


async def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that another part brings about."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)


StartSimulator = Callable[..., Awaitable[Simulator]]
