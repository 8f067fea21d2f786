"""Access keys by their SHA-256; a key itself is shown once, when it is made, and never stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.roles import check_roles
from tidegate.documents import nearest
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError
from tidegate.registry import audit
from tidegate.registry.canonical import canonical_json
from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import keys

Source = Literal["configuration", "api"]
_PREFIX = "tg_"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key; empty ``services`` means every service, no ``limits`` means none."""

    name: str
    sha256: str
    roles: tuple[str, ...]
    services: tuple[str, ...]
    source: Source
    created_at: datetime
    limits: KeyLimits | None = None


def key_digest(secret: str) -> str:
    """What is stored of a key. Keys are long and random, so a plain hash does not help to guess them."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def create_key(
    connection: AsyncConnection,
    name: str,
    *,
    roles: Sequence[str],
    services: Sequence[str] = (),
    limits: KeyLimits | None = None,
    actor: str,
    at: datetime,
) -> tuple[Key, str]:
    """Make a key; returns it with the secret, which nobody can read again.

    Raises:
        ConflictError: the name is taken.
        InvalidInputError: an unknown role.
    """
    if await find_key(connection, name) is not None:
        raise ConflictError(
            f"there is a key {name!r} already", code="key_exists", remedy="choose another name or revoke it"
        )
    secret = _PREFIX + secrets.token_urlsafe(32)
    key = _key(name, key_digest(secret), roles, services, limits, "api", at)
    await _write(connection, None, key, actor, at)
    return key, secret


async def put_key(
    connection: AsyncConnection,
    name: str,
    sha256: str,
    *,
    roles: Sequence[str],
    services: Sequence[str] = (),
    limits: KeyLimits | None = None,
    source: Source = "configuration",
    actor: str,
    at: datetime,
) -> bool:
    """Create or change a key whose digest is known; whether anything changed.

    Raises:
        ConflictError: the same secret is another key's.
        InvalidInputError: an unknown role.
    """
    existing = await find_key(connection, name)
    key = _key(name, sha256, roles, services, limits, source, existing.created_at if existing else at)
    if key == existing:
        return False
    await _write(connection, existing, key, actor, at)
    return True


async def revoke_key(connection: AsyncConnection, name: str, *, actor: str, at: datetime) -> Key:
    """Delete a key; it is refused from the next snapshot on.

    Raises:
        NotFoundError: no such key.
    """
    key = await find_key(connection, name)
    if key is None:
        names = [each.name for each in await list_keys(connection)]
        remedy = nearest(name, names) if names else "there are no keys"
        raise NotFoundError(f"there is no key {name!r}", code="unknown_key_name", remedy=remedy)
    await connection.execute(sa.delete(keys).where(keys.c.name == name))
    await audit.append(connection, actor, "key.revoked", name, _detail(key), at)
    return key


async def find_key(connection: AsyncConnection, name: str) -> Key | None:
    """The key of that name, or ``None``."""
    row = (await connection.execute(sa.select(keys).where(keys.c.name == name))).one_or_none()
    return _decoded(row) if row else None


async def has_keys(connection: AsyncConnection) -> bool:
    """Whether there is any key."""
    return await connection.scalar(sa.select(keys.c.name).limit(1)) is not None


async def find_key_by_digest(connection: AsyncConnection, sha256: str) -> Key | None:
    """The key whose secret has that digest, or ``None``."""
    row = (await connection.execute(sa.select(keys).where(keys.c.sha256 == sha256))).one_or_none()
    return _decoded(row) if row else None


async def need_an_admin(connection: AsyncConnection) -> None:
    """Refuse a change after which keys are needed and none of them may administer.

    Raises:
        ConflictError: keys exist, and none has the role admin for every service.
    """
    found = await list_keys(connection)
    if found and not any("admin" in key.roles and not key.services for key in found):
        raise ConflictError(
            "nobody could administer this installation any more: no key would have the role admin for every service",
            code="no_admin_key",
            remedy="create a key with the role admin and without services first",
        )


async def list_keys(connection: AsyncConnection) -> list[Key]:
    """Every key, by name."""
    return [_decoded(row) for row in (await connection.execute(sa.select(keys).order_by(keys.c.name))).all()]


async def _write(connection: AsyncConnection, existing: Key | None, key: Key, actor: str, at: datetime) -> None:
    owner = await find_key_by_digest(connection, key.sha256)
    if owner is not None and owner.name != key.name:
        raise ConflictError(
            f"keys {owner.name!r} and {key.name!r} are the same secret", code="same_secret", remedy="give each its own"
        )
    values = {
        "sha256": key.sha256,
        "roles": canonical_json(key.roles).decode(),
        "services": canonical_json(key.services).decode(),
        "limits": None if key.limits is None else canonical_json(msgspec.to_builtins(key.limits)).decode(),
        "source": key.source,
        "created_at": to_text(key.created_at),
    }
    if existing is None:
        await connection.execute(sa.insert(keys).values(name=key.name, **values))
    else:
        await connection.execute(sa.update(keys).where(keys.c.name == key.name).values(values))
    await audit.append(connection, actor, "key.changed" if existing else "key.created", key.name, _detail(key), at)


def _key(
    name: str,
    sha256: str,
    roles: Sequence[str],
    services: Sequence[str],
    limits: KeyLimits | None,
    source: Source,
    at: datetime,
) -> Key:
    if not name or len(name) > 128 or not name.isprintable():
        raise InvalidInputError(f"{name!r} is not a key's name", remedy="use 1 to 128 printable characters")
    check_roles(roles, f"keys.{name}")
    return Key(
        name=name,
        sha256=sha256,
        roles=tuple(sorted(set(roles))),
        services=tuple(sorted(set(services))),
        source=source,
        created_at=at,
        limits=None if limits == KeyLimits() else limits,
    )


def _detail(key: Key) -> dict[str, Any]:
    told = {"roles": list(key.roles), "services": list(key.services), "source": key.source, "sha256": key.sha256[:8]}
    return told if key.limits is None else told | {"limits": msgspec.to_builtins(key.limits)}


def _decoded(row: sa.Row[Any]) -> Key:
    return Key(
        name=row.name,
        sha256=row.sha256,
        roles=tuple(msgspec.json.decode(row.roles, type=list[str])),
        services=tuple(msgspec.json.decode(row.services, type=list[str])),
        source=row.source,
        created_at=from_text(row.created_at),
        limits=None if row.limits is None else msgspec.json.decode(row.limits, type=KeyLimits),
    )
