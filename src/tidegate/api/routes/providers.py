"""Providers: written by admins only, since an address decides where a credential is sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from tidegate.api.plane import Admin, Behind, Plane, Reader
from tidegate.api.replies import answers, plain, reply
from tidegate.delivery.service import ProviderSpec
from tidegate.documents import Document, decode
from tidegate.errors import ConflictError, NotFoundError
from tidegate.registry import providers
from tidegate.shapes.providers import Provider, Providers

router = APIRouter(tags=["providers"])


@router.get("/providers", responses=answers(Providers, "Every provider."))
async def list_providers(plane: Behind, caller: Reader) -> Response:
    """Every provider, by name; a credential is shown as a reference, never itself."""
    caller.need_everything()
    return reply(await _all(plane))


@router.get("/providers/{name}", responses=answers(Provider, "The provider."))
async def read_provider(plane: Behind, caller: Reader, name: str) -> Response:
    """One provider."""
    caller.need_everything()
    return reply(await _one(plane, name))


@router.put("/providers/{name}", responses=answers(Provider, "The provider as it is now."))
async def put_provider(plane: Behind, caller: Admin, name: str, spec: Annotated[dict[str, Any], Body()]) -> Response:
    """Create or replace a provider: dialect, base_url, api_key, headers, prices, ca_file, max_in_flight, maker, server_metrics.

    `${NAME}` and `${file:PATH}` as api_key are resolved where the gateways run. A literal key is held in memory
    only, and must be given again when control starts anew.
    """
    caller.need_everything()
    decoded = decode(Document(spec, f"providers.{name}"), ProviderSpec)
    made = await plane.control.state.transact(
        lambda connection: providers.put_provider(
            connection, name, decoded, actor=caller.name, at=plane.control.clock.now()
        )
    )
    plane.control.secrets.update({f"memory:{held}": literal for held, literal in made.secrets.items()})
    await plane.control.operations.routing_changed()
    return reply(msgspec.structs.replace(await _one(plane, name), warnings=held_in_memory(plane, [name])))


@router.delete("/providers/{name}", responses=answers(Providers, "The providers that remain."))
async def delete_provider(plane: Behind, caller: Admin, name: str) -> Response:
    """Remove a provider that no service's routing table uses."""
    caller.need_everything()
    await _one(plane, name)
    _refuse_used(plane, name)

    async def change(connection: AsyncConnection) -> bool:
        return await providers.delete_provider(connection, name, actor=caller.name, at=plane.control.clock.now())

    await plane.control.state.transact(change)
    plane.control.secrets.pop(f"memory:provider.{name}", None)
    await plane.control.operations.routing_changed()
    return reply(await _all(plane))


def _refuse_used(plane: Plane, name: str) -> None:
    for route in plane.control.publisher.current.services.values():
        for variant in route.variants:
            if name in {variant.provider, *(target.provider for target in variant.fallbacks)}:
                raise ConflictError(
                    f"{variant.version} of service {route.name} is served by provider {name!r}",
                    code="provider_in_use",
                    remedy="release a version with another provider first",
                )


async def _all(plane: Plane) -> Providers:
    async with plane.control.state.read() as connection:
        found = await providers.list_providers(connection)
    return Providers(items=tuple(_provider(plane, each) for each in found), next=None)


async def _one(plane: Plane, name: str) -> Provider:
    async with plane.control.state.read() as connection:
        found = await providers.find_provider(connection, name)
    if found is None:
        raise NotFoundError(f"there is no provider {name!r}", code="unknown_provider", remedy="see GET /providers")
    return _provider(plane, found)


def held_in_memory(plane: Plane, names: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each of these providers whose key would be lost with this process."""
    return tuple(
        f"the key of provider {name!r} is held in memory until control restarts: give it again then, "
        "or give `${NAME}` or `${file:PATH}` instead"
        for name in names
        if f"memory:provider.{name}" in plane.control.secrets
    )


def _lost(plane: Plane, stored: providers.StoredProvider) -> tuple[str, ...]:
    credential = stored.spec.api_key or ""
    if not credential.startswith("memory:") or credential in plane.control.secrets:
        return ()
    return (f"control has restarted and no longer holds the key of provider {stored.name!r}: give it again",)


def _provider(plane: Plane, stored: providers.StoredProvider) -> Provider:
    spec = stored.spec
    return Provider(
        name=stored.name,
        dialect=spec.dialect,
        base_url=spec.base_url,
        credential=spec.api_key,
        headers=spec.headers,
        prices={
            model: {key: str(value) for key, value in plain(price).items()} for model, price in spec.prices.items()
        },
        ca_file=spec.ca_file,
        server_metrics=spec.server_metrics,
        max_in_flight=spec.max_in_flight,
        maker=spec.maker,
        updated_at=stored.updated_at,
        warnings=_lost(plane, stored),
    )
