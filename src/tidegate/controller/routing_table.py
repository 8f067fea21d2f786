"""Reads the database into the routing table that gateways serve from: no state but what is stored.

The same function answers *what should be published* and *is it*, so whatever a crash leaves half done is seen
as a difference and published again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.bundle import Bundle
from tidegate.delivery.quantities import decode_quantity
from tidegate.delivery.routing import Versioned, service_route
from tidegate.delivery.slow import slow_after
from tidegate.delivery.snapshot import AccessKey, Provider, ServiceRoute, Snapshot
from tidegate.errors import InternalError
from tidegate.registry.cluster import read_cluster
from tidegate.registry.freezes import EVERYTHING, Freeze, list_freezes
from tidegate.registry.keys import Key, list_keys
from tidegate.registry.providers import StoredProvider, list_providers
from tidegate.registry.releases import ReleaseRow, active_releases
from tidegate.registry.schema import versions
from tidegate.registry.services import Service, list_services

_REMEMBERED_BUNDLES = 2000


class RoutingTableReader:
    """Reads snapshots; versions never change, so their bundles are decoded once.

    Args:
        probe_key: lets control reach a candidate that no user is sent to yet.
        judge_key: lets control ask judges.
        open_access: without any key, every credential is taken (the gateway listens on loopback only).
    """

    def __init__(
        self, *, probe_key: AccessKey, lease_seconds: float, open_access: bool, judge_key: AccessKey | None = None
    ) -> None:
        self._own_keys = (probe_key,) if judge_key is None else (probe_key, judge_key)
        self._lease_seconds = lease_seconds
        self._open_access = open_access
        self._bundles: OrderedDict[str, Bundle] = OrderedDict()

    async def read(self, connection: AsyncConnection) -> Snapshot:
        """The whole table, with the revision and epoch of the cluster row.

        Raises:
            InternalError: nobody has led yet.
        """
        row = await read_cluster(connection)
        if row is None:
            raise InternalError("there is no routing table before the first leader")
        declared = await list_services(connection)
        running = {release.service: release for release in await active_releases(connection) if _is_running(release)}
        frozen = await list_freezes(connection)
        await self._load_bundles(connection, _references(declared, running))
        access = tuple(_access_key(key) for key in await list_keys(connection))
        return Snapshot(
            revision=row.revision,
            epoch=row.epoch,
            lease_seconds=self._lease_seconds,
            open_access=self._open_access and not access,
            mac_key=row.mac_key,
            keys=(*access, *self._own_keys),
            providers={stored.name: _provider(stored) for stored in await list_providers(connection)},
            services={
                service.name: self.route(service, running.get(service.name), is_frozen=is_frozen(service.name, frozen))
                for service in declared
            },
            slow={
                name: ages
                for name, release in running.items()
                if (ages := slow_after(release.spec, release.state)) is not None and not is_frozen(name, frozen)
            },
        )

    def route(self, service: Service, release: ReleaseRow | None, *, is_frozen: bool) -> ServiceRoute:
        """The route of one service; the bundles it refers to have been loaded."""
        trial = None
        if release is not None:
            contents = {reference: self._bundles[reference] for reference in release.state.arms.values()}
            trial = (release.spec, release.state, contents)
        return service_route(
            service.name,
            service.spec,
            service.salt,
            self._versioned(service.stable),
            trial,
            is_frozen=is_frozen,
            previous=self._versioned(service.previous_stable),
        )

    async def bundle(self, connection: AsyncConnection, reference: str) -> Bundle:
        """The content of one version."""
        return (await self.bundles(connection, {reference}))[reference]

    async def bundles(self, connection: AsyncConnection, references: set[str]) -> dict[str, Bundle]:
        """The contents of versions."""
        await self._load_bundles(connection, references)
        return {reference: self._bundles[reference] for reference in references}

    def _versioned(self, reference: str | None) -> Versioned | None:
        return None if reference is None else (reference, self._bundles[reference])

    async def _load_bundles(self, connection: AsyncConnection, wanted: set[str]) -> None:
        missing = sorted(wanted - self._bundles.keys())
        found = sa.select(versions.c.ref, versions.c.bundle).where(versions.c.ref.in_(missing))
        for row in await connection.execute(found) if missing else ():
            self._bundles[row.ref] = msgspec.json.decode(row.bundle, type=Bundle, dec_hook=decode_quantity)
        for reference in wanted:
            self._bundles.move_to_end(reference)
        while len(self._bundles) > max(_REMEMBERED_BUNDLES, len(wanted)):
            self._bundles.popitem(last=False)


def is_frozen(service: str, frozen: Iterable[Freeze]) -> bool:
    """Whether a freeze covers ``service``."""
    return any(freeze.scope in {service, EVERYTHING} for freeze in frozen)


def _access_key(key: Key) -> AccessKey:
    return AccessKey(name=key.name, sha256=key.sha256, roles=key.roles, services=key.services, limits=key.limits)


def _provider(stored: StoredProvider) -> Provider:
    spec = stored.spec
    return Provider(
        name=stored.name,
        dialect=spec.dialect,
        base_url=spec.base_url,
        credential=spec.api_key,
        headers=spec.headers,
        prices={model: price.price() for model, price in spec.prices.items()},
        ca_file=spec.ca_file,
        max_in_flight=spec.max_in_flight,
        maker=spec.maker,
    )


def _is_running(release: ReleaseRow) -> bool:
    return release.phase.is_running


def _references(declared: list[Service], running: Mapping[str, ReleaseRow]) -> set[str]:
    pointers = {reference for service in declared for reference in (service.stable, service.previous_stable)}
    on_trial = {reference for release in running.values() for reference in release.state.arms.values()}
    return {reference for reference in pointers if reference} | on_trial
