"""Services: what people declare of them, and the pointer to what users get."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.gate_spec import GateSpec, check_gate
from tidegate.delivery.quantities import decode_quantity
from tidegate.delivery.service import ServiceSpec
from tidegate.delivery.version import check_service_name
from tidegate.documents import nearest
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError
from tidegate.registry import audit
from tidegate.registry.bundle_rules import check_model
from tidegate.registry.canonical import NotJsonError, canonical_json
from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import services

_SUITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service as it stands.

    Attributes:
        stable: reference of the version that users get; ``None`` until the first.
        previous_stable: where a rollback after promotion returns to.
        salt: of the assignment hash; random, and constant for the service's life.
        version: rises with every change; writers compare it.
    """

    name: str
    spec: ServiceSpec
    stable: str | None
    previous_stable: str | None
    salt: str
    created_at: datetime
    version: int


async def put_service(connection: AsyncConnection, name: str, spec: ServiceSpec, *, actor: str, at: datetime) -> bool:
    """Create the service or change its spec; whether anything changed (if not, nothing is written).

    Raises:
        InvalidInputError: a bad name, or a fallback that is no ``provider/model``.
    """
    check_service_name(name)
    _check_spec(name, spec)
    existing = await find_service(connection, name)
    if existing is None:
        await _create(connection, name, spec, actor, at)
        return True
    if canonical_json(existing.spec) == canonical_json(spec):
        return False
    changed = sa.update(services).where(services.c.name == name, services.c.version == existing.version)
    await connection.execute(changed.values(spec=canonical_json(spec).decode(), version=existing.version + 1))
    detail = {"before": msgspec.json.decode(canonical_json(existing.spec)), "after": _builtins(spec)}
    await audit.append(connection, actor, "service.changed", name, detail, at)
    return True


async def ensure_service(connection: AsyncConnection, name: str, *, actor: str, at: datetime) -> bool:
    """Create the service with defaults if nobody declared it yet; whether it was created.

    Raises:
        InvalidInputError: a bad name.
    """
    check_service_name(name)
    if await find_service(connection, name) is not None:
        return False
    await _create(connection, name, ServiceSpec(), actor, at)
    return True


async def find_service(connection: AsyncConnection, name: str) -> Service | None:
    """The service, or ``None``."""
    row = (await connection.execute(sa.select(services).where(services.c.name == name))).one_or_none()
    return _decoded(row) if row else None


async def get_service(connection: AsyncConnection, name: str) -> Service:
    """The service.

    Raises:
        NotFoundError: nobody declared it; the remedy names the nearest known one.
    """
    found = await find_service(connection, name)
    if found is None:
        names = list((await connection.execute(sa.select(services.c.name))).scalars())
        remedy = nearest(name, names) if names else "push a version or apply a configuration first"
        raise NotFoundError(f"there is no service {name!r}", code="unknown_service", remedy=remedy)
    return found


async def list_services(connection: AsyncConnection) -> list[Service]:
    """Every service, by name."""
    return [_decoded(row) for row in (await connection.execute(sa.select(services).order_by(services.c.name))).all()]


async def page_of_services(
    connection: AsyncConnection,
    *,
    after: str | None = None,
    limit: int = 100,
    contains: str = "",
    only: Collection[str] = (),
) -> list[Service]:
    """At most ``limit`` services by name, those behind ``after``; ``only`` and ``contains`` narrow them down."""
    statement = sa.select(services).order_by(services.c.name).limit(limit)
    if after is not None:
        statement = statement.where(services.c.name > after)
    if contains:
        statement = statement.where(services.c.name.contains(contains, autoescape=True))
    if only:
        statement = statement.where(services.c.name.in_(only))
    return [_decoded(row) for row in (await connection.execute(statement)).all()]


async def set_stable(
    connection: AsyncConnection, service: Service, *, stable: str | None, previous_stable: str | None
) -> Service:
    """Move the pointer, if nobody changed the service since it was read.

    Part of a release's transaction, whose own audit row tells why; to give a service its first stable version
    outside a release use :func:`set_first_stable`.

    Raises:
        ConflictError: somebody did.
    """
    moved = msgspec.structs.replace(
        service, stable=stable, previous_stable=previous_stable, version=service.version + 1
    )
    update = sa.update(services).where(services.c.name == service.name, services.c.version == service.version)
    done = await connection.execute(
        update.values(stable=stable, previous_stable=previous_stable, version=moved.version)
    )
    if done.rowcount != 1:
        raise ConflictError(f"service {service.name!r} changed meanwhile", code="stale_service", remedy="try again")
    return moved


async def set_first_stable(connection: AsyncConnection, name: str, ref: str, *, actor: str, at: datetime) -> bool:
    """Make ``ref`` the stable version of a service that has none; whether it was done.

    Raises:
        NotFoundError: no such service.
    """
    service = await get_service(connection, name)
    if service.stable is not None:
        return False
    await set_stable(connection, service, stable=ref, previous_stable=None)
    await audit.append(connection, actor, "service.stable_set", name, {"stable": ref}, at)
    return True


async def _create(connection: AsyncConnection, name: str, spec: ServiceSpec, actor: str, at: datetime) -> None:
    await connection.execute(
        sa.insert(services).values(
            name=name,
            spec=canonical_json(spec).decode(),
            stable=None,
            previous_stable=None,
            salt=secrets.token_hex(8),
            created_at=to_text(at),
            version=1,
        )
    )
    await audit.append(connection, actor, "service.created", name, {"spec": _builtins(spec)}, at)


def _check_spec(name: str, spec: ServiceSpec) -> None:
    try:
        for index, fallback in enumerate(spec.fallbacks):
            check_model(fallback, ("services", name, "fallbacks", index))
    except NotJsonError as error:
        raise InvalidInputError(str(error), where=f"services.{name}.fallbacks") from None
    for suite, gate in spec.suites.items():
        if not _SUITE.fullmatch(suite):
            raise InvalidInputError(
                f"{suite!r} cannot name a suite", where=f"services.{name}.suites", remedy="letters, digits, - _ and ."
            )
        _check_suite(f"services.{name}.suites.{suite}", gate)
    if spec.max_attempts < 1:
        raise InvalidInputError(f"{spec.max_attempts} is less than 1", where=f"services.{name}.max_attempts")


def _check_suite(place: str, gate: GateSpec) -> None:
    try:
        check_gate(gate)
    except InvalidInputError as error:
        where = f"{place}.{error.where}" if error.where else place
        raise InvalidInputError(error.message, code=error.code, where=where, remedy=error.remedy) from None


def _builtins(spec: ServiceSpec) -> Any:
    return msgspec.json.decode(canonical_json(spec))


def _decoded(row: sa.Row[Any]) -> Service:
    return Service(
        name=row.name,
        spec=msgspec.json.decode(row.spec, type=ServiceSpec, dec_hook=decode_quantity),
        stable=row.stable,
        previous_stable=row.previous_stable,
        salt=row.salt,
        created_at=from_text(row.created_at),
        version=row.version,
    )
