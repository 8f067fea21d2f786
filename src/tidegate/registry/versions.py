"""Versions of a service: rows that are written once and never changed, and how references find them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.bundle import Bundle, Lineage
from tidegate.delivery.quantities import decode_quantity
from tidegate.delivery.version import (
    DigestReference,
    NumberReference,
    Reference,
    StableReference,
    VersionNumber,
    VersionRef,
    parse_reference,
)
from tidegate.errors import ConflictError, InvalidInputError, NotFoundError
from tidegate.registry import audit
from tidegate.registry.bundle_tree import Entry, Manifest, digest8
from tidegate.registry.canonical import canonical_json
from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import versions
from tidegate.registry.services import get_service


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version.

    Attributes:
        ref: full name, ``service/vX.Y.Z-digest8``.
        digest: hex sha256 of the tree.
        manifest: path, mode, sha256 and size of every file of the tree.
        unstable: why, when a release of it was rolled back; an attached record, outside the digest.
    """

    ref: str
    service: str
    number: VersionNumber
    digest: str
    manifest: Manifest
    bundle: Bundle
    lineage: Lineage
    unstable: str | None
    created_at: datetime
    created_by: str

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file by path."""
        return {entry.path: entry.size for entry in self.manifest}


async def resolve(connection: AsyncConnection, reference: Reference | str, service: str | None = None) -> Version:
    """The version a person means.

    Args:
        reference: any form :func:`~tidegate.delivery.version.parse_reference` reads.
        service: the service the command speaks of, if it does.

    Raises:
        InvalidInputError: no known form, or a digest that several services hold.
        NotFoundError: nothing like it; the message says which part is missing.
        ConflictError: that number holds other content than the reference says.
    """
    meant = parse_reference(reference, service) if isinstance(reference, str) else reference
    match meant:
        case StableReference():
            return await _stable(connection, meant)
        case DigestReference():
            return await _by_digest(connection, meant)
        case NumberReference():
            return await _by_number(connection, meant)


async def get_version(connection: AsyncConnection, ref: str) -> Version:
    """The version with exactly this full name, as stored elsewhere in the database.

    Raises:
        NotFoundError: there is none.
    """
    row = (await connection.execute(sa.select(versions).where(versions.c.ref == ref))).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no version {ref!r}", code="unknown_version")
    return _decoded(row)


async def list_versions(connection: AsyncConnection, service: str) -> list[Version]:
    """Every version of a service, highest number first.

    Raises:
        NotFoundError: no such service.
    """
    await get_service(connection, service)
    query = sa.select(versions).where(versions.c.service == service).order_by(*_descending())
    return [_decoded(row) for row in (await connection.execute(query)).all()]


async def latest_version(connection: AsyncConnection, service: str) -> Version | None:
    """The version with the highest number, or ``None``."""
    query = sa.select(versions).where(versions.c.service == service).order_by(*_descending()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return _decoded(row) if row else None


async def find_by_digest(connection: AsyncConnection, service: str, digest: str) -> Version | None:
    """The one version of a service with this content, or ``None``."""
    query = sa.select(versions).where(versions.c.service == service, versions.c.digest == digest)
    row = (await connection.execute(query)).one_or_none()
    return _decoded(row) if row else None


async def find_by_number(connection: AsyncConnection, service: str, number: VersionNumber) -> Version | None:
    """The one version of a service with this number, or ``None``."""
    query = sa.select(versions).where(
        versions.c.service == service,
        versions.c.major == number.major,
        versions.c.minor == number.minor,
        versions.c.patch == number.patch,
    )
    row = (await connection.execute(query)).one_or_none()
    return _decoded(row) if row else None


async def insert_version(
    connection: AsyncConnection,
    service: str,
    number: VersionNumber,
    bundle: Bundle,
    *,
    manifest: Manifest,
    digest: str,
    lineage: Lineage,
    actor: str,
    at: datetime,
) -> Version:
    """Write a new version and its audit row; every rule was checked in the same transaction."""
    made = Version(
        ref=str(VersionRef(service, number, digest8(digest))),
        service=service,
        number=number,
        digest=digest,
        manifest=manifest,
        bundle=bundle,
        lineage=lineage,
        unstable=None,
        created_at=at,
        created_by=actor,
    )
    await connection.execute(sa.insert(versions).values(_columns(made)))
    detail = {"digest": digest, "lineage": msgspec.json.decode(canonical_json(lineage))}
    await audit.append(connection, actor, "version.pushed", made.ref, detail, at)
    return made


async def mark_unstable(connection: AsyncConnection, ref: str, reason: str | None) -> None:
    """Attach why a release of this version was rolled back (part of the release's transaction)."""
    await connection.execute(sa.update(versions).where(versions.c.ref == ref).values(unstable=reason))


async def referenced_artifacts(connection: AsyncConnection) -> set[str]:
    """Digests of every artifact that some version needs."""
    found: set[str] = set()
    for text in (await connection.execute(sa.select(versions.c.manifest))).scalars():
        found |= {entry.sha256 for entry in msgspec.json.decode(text, type=Manifest)}
    return found


async def _stable(connection: AsyncConnection, meant: StableReference) -> Version:
    service = await get_service(connection, meant.service)
    if service.stable is None:
        raise NotFoundError(
            f"service {meant.service!r} has no stable version yet",
            code="no_stable_version",
            remedy="release one with the strategy direct",
        )
    return await get_version(connection, service.stable)


async def _by_digest(connection: AsyncConnection, meant: DigestReference) -> Version:
    query = sa.select(versions).where(versions.c.digest == meant.digest).order_by(versions.c.ref)
    if meant.service is not None:
        query = query.where(versions.c.service == meant.service)
    rows = (await connection.execute(query)).all()
    if not rows:
        raise NotFoundError(f"no version has the content {meant}", code="unknown_version")
    if len(rows) > 1:
        raise InvalidInputError(
            f"{meant} is the content of {', '.join(row.ref for row in rows)}",
            code="ambiguous_digest",
            remedy="name one",
        )
    return _decoded(rows[0])


async def _by_number(connection: AsyncConnection, meant: NumberReference) -> Version:
    await get_service(connection, meant.service)
    found = await find_by_number(connection, meant.service, meant.number)
    if found is None:
        latest = await latest_version(connection, meant.service)
        remedy = f"the latest is {latest.number}" if latest else "it has no versions yet"
        raise NotFoundError(
            f"service {meant.service!r} has no version {meant.number}", code="unknown_version", remedy=remedy
        )
    named = found.ref.rpartition("-")[2]
    if meant.digest8 is not None and meant.digest8 != named:
        raise ConflictError(
            f"{meant.service}/{meant.number} holds other content, {named} instead of {meant.digest8}",
            code="other_content",
            remedy=f"its full name is {found.ref}",
        )
    return found


def _descending() -> tuple[sa.UnaryExpression[Any], ...]:
    return versions.c.major.desc(), versions.c.minor.desc(), versions.c.patch.desc()


def _columns(version: Version) -> dict[str, Any]:
    return {
        "ref": version.ref,
        "service": version.service,
        "major": version.number.major,
        "minor": version.number.minor,
        "patch": version.number.patch,
        "digest": version.digest,
        "manifest": canonical_json(version.manifest).decode(),
        "bundle": canonical_json(version.bundle).decode(),
        "lineage": canonical_json(version.lineage).decode(),
        "unstable": version.unstable,
        "created_at": to_text(version.created_at),
        "created_by": version.created_by,
    }


def _decoded(row: sa.Row[Any]) -> Version:
    return Version(
        ref=row.ref,
        service=row.service,
        number=VersionNumber(row.major, row.minor, row.patch),
        digest=row.digest,
        manifest=msgspec.json.decode(row.manifest, type=tuple[Entry, ...]),
        bundle=msgspec.json.decode(row.bundle, type=Bundle, dec_hook=decode_quantity),
        lineage=msgspec.json.decode(row.lineage, type=Lineage),
        unstable=row.unstable,
        created_at=from_text(row.created_at),
        created_by=row.created_by,
    )
