"""Providers, with references in place of credentials: no secret ever reaches the database.

${NAME}       -> env:NAME
${file:PATH}  -> file:PATH
a literal     -> memory:provider.PROVIDER, and the literal goes back to the caller, who holds it in memory
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.service import ProviderSpec
from tidegate.errors import InvalidInputError
from tidegate.registry import audit
from tidegate.registry.bundle_rules import is_provider_name
from tidegate.registry.canonical import canonical_json
from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import providers

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FILE = re.compile(r"\$\{file:(.+)\}")
_REFERENCE = re.compile(r"(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+|memory:.+)")
_CREDENTIAL_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "proxy-authorization", "cookie"})


class StoredProvider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider as it stands; ``spec.api_key`` is a reference."""

    name: str
    spec: ProviderSpec
    updated_at: datetime


class ProviderChange(msgspec.Struct, frozen=True, kw_only=True):
    """What :func:`put_provider` did.

    Attributes:
        is_changed: whether the stored spec is another one now.
        secrets: reference without ``memory:`` -> literal, for the process to hold.
    """

    is_changed: bool
    secrets: dict[str, str]


async def put_provider(
    connection: AsyncConnection, name: str, spec: ProviderSpec, *, actor: str, at: datetime
) -> ProviderChange:
    """Create or change a provider (no change: nothing is written).

    Raises:
        InvalidInputError: a bad name or address, or a credential in the headers.
    """
    _check(name, spec)
    reference, secrets = credential_reference(name, spec.api_key)
    stored = msgspec.structs.replace(spec, api_key=reference)
    existing = await find_provider(connection, name)
    if existing is not None and canonical_json(existing.spec) == canonical_json(stored):
        return ProviderChange(is_changed=False, secrets=secrets)
    values = {"spec": canonical_json(stored).decode(), "updated_at": to_text(at)}
    if existing is None:
        await connection.execute(sa.insert(providers).values(name=name, **values))
    else:
        await connection.execute(sa.update(providers).where(providers.c.name == name).values(values))
    action = "provider.created" if existing is None else "provider.changed"
    detail = {"spec": msgspec.json.decode(canonical_json(stored))}
    await audit.append(connection, actor, action, name, detail, at)
    return ProviderChange(is_changed=True, secrets=secrets)


async def find_provider(connection: AsyncConnection, name: str) -> StoredProvider | None:
    """The provider, or ``None``."""
    row = (await connection.execute(sa.select(providers).where(providers.c.name == name))).one_or_none()
    return _decoded(row) if row else None


async def list_providers(connection: AsyncConnection) -> list[StoredProvider]:
    """Every provider, by name."""
    return [_decoded(row) for row in (await connection.execute(sa.select(providers).order_by(providers.c.name))).all()]


async def delete_provider(connection: AsyncConnection, name: str, *, actor: str, at: datetime) -> bool:
    """Remove a provider; whether there was one. Whoever calls this makes sure that nothing uses it."""
    done = await connection.execute(sa.delete(providers).where(providers.c.name == name))
    if done.rowcount == 1:
        await audit.append(connection, actor, "provider.deleted", name, {}, at)
    return done.rowcount == 1


def credential_reference(provider: str, api_key: str | None) -> tuple[str | None, dict[str, str]]:
    """What to store in place of a key, and the literal to hold in memory, if it was one."""
    if not api_key:
        return None, {}
    if match := _VARIABLE.fullmatch(api_key):
        return f"env:{match[1]}", {}
    if match := _FILE.fullmatch(api_key):
        return f"file:{match[1]}", {}
    if _REFERENCE.fullmatch(api_key):
        return api_key, {}
    held = f"provider.{provider}"
    return f"memory:{held}", {held: api_key}


def _check(name: str, spec: ProviderSpec) -> None:
    where = f"providers.{name}"
    if not is_provider_name(name):
        raise InvalidInputError(
            f"{name!r} is not a provider's name", where=where, remedy="use letters, digits, '.', '_' and '-'"
        )
    _check_address(spec.base_url, f"{where}.base_url")
    if spec.server_metrics is not None:
        _check_address(spec.server_metrics, f"{where}.server_metrics")
    for header in spec.headers:
        if header.lower() in _CREDENTIAL_HEADERS:
            raise InvalidInputError(
                f"header {header!r} carries a credential", where=f"{where}.headers", remedy="use api_key"
            )
    if spec.max_in_flight < 0:
        raise InvalidInputError(f"{spec.max_in_flight} is negative", where=f"{where}.max_in_flight")


def _check_address(url: str, where: str) -> None:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise InvalidInputError(f"{url!r} is not an http(s) address", where=where)
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError("the address carries a credential", where=where, remedy="use api_key")
    if parts.query or parts.fragment:
        raise InvalidInputError("the address carries a query or fragment", where=where, remedy="leave it out")


def _decoded(row: sa.Row[Any]) -> StoredProvider:
    return StoredProvider(
        name=row.name,
        spec=msgspec.json.decode(row.spec, type=ProviderSpec),
        updated_at=from_text(row.updated_at),
    )
