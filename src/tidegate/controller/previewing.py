"""What would be sent upstream for a request, without sending it: the gateway's own rendering, on the table in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tidegate.controller.publisher import Publisher
from tidegate.controller.routing_table import RoutingTableReader
from tidegate.delivery.routing import variant_route
from tidegate.delivery.snapshot import Provider, Snapshot, VariantRoute
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.registry.database import Database
from tidegate.registry.services import get_service
from tidegate.registry.versions import resolve
from tidegate.shapes.services import Preview
from tidegate.wire.exchange import open_exchange
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import KINDS_BY_PATH
from tidegate.wire.reasoning.destination import destination
from tidegate.wire.reasoning.marks import mark_of
from tidegate.wire.reasoning.returning import returned
from tidegate.wire.request import read_request


class Previews:
    """Renders requests for versions, whether or not a release brings them to gateways."""

    def __init__(self, database: Database, tables: RoutingTableReader, publisher: Publisher) -> None:
        self._database = database
        self._tables = tables
        self._publisher = publisher

    async def of(self, service: str, reference: str, path: str, request: Mapping[str, Any]) -> Preview:
        """What the provider of a version would get.

        Args:
            service: its name.
            reference: of the version, in any form.
            path: the client's endpoint, as ``/v1/chat/completions``.
            request: the client's body; ``model`` may be left out.

        Raises:
            NotFoundError: no such service or version, or its provider is not declared.
            CallerError: no such endpoint, or a request that the gateway would refuse.
        """
        async with self._database.read() as connection:
            declared = await get_service(connection, service)
            version = await resolve(connection, reference, service)
            bundle = await self._tables.bundle(connection, version.ref)
        variant = variant_route("preview", version.ref, bundle, 0, declared.spec)
        return preview_of(self._publisher.current, variant, path, {"model": service, **request})


def preview_of(table: Snapshot, variant: VariantRoute, path: str, request: Mapping[str, Any]) -> Preview:
    """Render ``request`` for ``variant``; see :meth:`Previews.of`."""
    kind = KINDS_BY_PATH.get(path)
    if kind is None:
        known = ", ".join(sorted(KINDS_BY_PATH))
        raise InvalidInputError(f"{path!r} is no endpoint of the gateway", where="path", remedy=f"known are {known}")
    provider = _provider(table, variant)
    body = JsonObject.parse(msgspec.json.encode(request))
    if provider.dialect == kind.dialect:
        mark = mark_of(provider.base_url, provider.maker)
        body = returned(kind, body, destination(kind, variant.insertion, mark, is_home=True))
    exchange = open_exchange(kind, body, read_request(kind, body), variant.insertion, provider.dialect)
    is_sent = exchange.local_answer is None
    return Preview(
        version=variant.version,
        provider=provider.name,
        dialect=provider.dialect,
        url=f"{provider.base_url.rstrip('/')}{exchange.path}" if is_sent else None,
        body=msgspec.json.decode(b"".join(exchange.request_parts())) if is_sent else None,
        fallbacks=tuple(f"{target.provider}/{target.model}" for target in variant.fallbacks),
    )


def _provider(table: Snapshot, variant: VariantRoute) -> Provider:
    provider = table.providers.get(variant.provider)
    if provider is None:
        raise NotFoundError(
            f"the provider {variant.provider!r} of {variant.version} is not declared", code="unknown_provider"
        )
    return provider
