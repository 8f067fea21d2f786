"""Registering a version: artifacts first, then one transaction with the version's row and its audit row.

    same content, same number      nothing happens, the existing version is the answer
    same content, another number   refused, naming the first
    other content, same number     refused
    no number                      v1.0.0 for the first version, else the bumped latest number

Whoever dies between the two halves leaves artifacts that nobody refers to, never a version without them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.bundle import Lineage
from tidegate.delivery.differences import difference
from tidegate.delivery.version import FIRST, BumpKind, VersionNumber, bump, proposed_bump
from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.bundle_tree import BundleContent, Manifest
from tidegate.registry.content import Content
from tidegate.registry.database import Database
from tidegate.registry.providers import find_provider
from tidegate.registry.services import ensure_service
from tidegate.registry.versions import Version, find_by_digest, find_by_number, insert_version, latest_version

Bump = BumpKind | Literal["auto"]
_UPLOADS_AT_ONCE = 4


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What a push did.

    Attributes:
        ref: full name of the version, new or existing.
        created: whether it is new.
        reason: why the number is this one, when the registry chose it.
        warnings: what will matter before this version can serve, as sentences.
    """

    ref: str
    digest: str
    created: bool
    reason: str = ""
    warnings: tuple[str, ...] = ()


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Under which name to push; what is ``None`` the bundle itself or the registry decides."""

    service: str | None = None
    number: VersionNumber | None = None
    bump: Bump | None = None
    lineage: Lineage | None = None


async def push(
    database: Database,
    artifacts: ArtifactStore,
    content: BundleContent,
    wanted: Wanted,
    *,
    actor: str,
    clock: Callable[[], datetime],
) -> Pushed:
    """Register a bundle.

    Raises:
        InvalidInputError: no service named, two names that contradict, or number and bump both given.
        ConflictError: the content has another number already, the number other content, or a file changed.
        OperatorError: the store or the database refuses.
    """
    service, number = _named(content, wanted)
    manifest, digest = content.manifest, content.digest
    reused = await store_artifacts(artifacts, content.tree.values())

    async def register(connection: AsyncConnection) -> Pushed:
        return await _register(
            connection, content, service, number, manifest, digest, wanted=wanted, actor=actor, at=clock()
        )

    pushed = await database.transact(register)
    await store_artifacts(artifacts, reused)  # a sweep that ran before the commit may have taken them
    return pushed


async def register_content(
    connection: AsyncConnection, content: BundleContent, wanted: Wanted, *, actor: str, at: datetime
) -> Pushed:
    """The database's half of :func:`push`, for callers with a transaction of their own; its errors are the same."""
    if content.bundle.prompt.use is not None:
        raise InvalidInputError(
            "the prompt that it uses is not put in",
            code="unresolved_prompt",
            where="bundle.prompt.use",
            remedy="push with the tidegate client, or apply the bundle",
        )
    service, number = _named(content, wanted)
    return await _register(
        connection, content, service, number, content.manifest, content.digest, wanted=wanted, actor=actor, at=at
    )


async def store_artifacts(artifacts: ArtifactStore, contents: Iterable[Content]) -> list[Content]:
    """Upload what is not stored yet, a few at a time; returns those that were stored already.

    Raises:
        ConflictError: a file changed since it was hashed.
        OperatorError: the store refuses.
    """
    gate = asyncio.Semaphore(_UPLOADS_AT_ONCE)

    async def upload(each: Content) -> bool:
        async with gate:
            return await artifacts.put(each)

    distinct = list({each.sha256: each for each in contents}.values())
    uploads = [asyncio.ensure_future(upload(each)) for each in distinct]
    try:
        are_new = await asyncio.gather(*uploads)
    finally:
        for each in uploads:
            each.cancel()
        await asyncio.gather(*uploads, return_exceptions=True)
    return [each for each, is_new in zip(distinct, are_new, strict=True) if not is_new]


async def _register(
    connection: AsyncConnection,
    content: BundleContent,
    service: str,
    number: VersionNumber | None,
    manifest: Manifest,
    digest: str,
    *,
    wanted: Wanted,
    actor: str,
    at: datetime,
) -> Pushed:
    same = await find_by_digest(connection, service, digest)
    warnings = await _warnings(connection, content)
    if same is not None:
        if number is not None and same.number != number:
            raise ConflictError(
                f"this content is registered as {same.ref} already",
                code="content_exists",
                remedy=f"use {same.number}, or change the content",
            )
        return Pushed(ref=same.ref, digest=digest, created=False, warnings=warnings)
    latest = await latest_version(connection, service)
    lineage = wanted.lineage or content.lineage
    chosen, reason = (number, "") if number else _next(latest, content, lineage, wanted.bump or "auto")
    taken = await find_by_number(connection, service, chosen)
    if taken is not None:
        raise ConflictError(
            f"{service}/{chosen} holds other content ({taken.ref}), and versions never change",
            code="number_taken",
            remedy="choose another number, or --bump auto",
        )
    await ensure_service(connection, service, actor=actor, at=at)
    made = await insert_version(
        connection,
        service,
        chosen,
        content.bundle,
        manifest=manifest,
        digest=digest,
        lineage=lineage,
        actor=actor,
        at=at,
    )
    return Pushed(ref=made.ref, digest=digest, created=True, reason=reason, warnings=warnings)


def _named(content: BundleContent, wanted: Wanted) -> tuple[str, VersionNumber | None]:
    service = wanted.service or content.service
    if service is None:
        raise InvalidInputError(
            "the bundle does not say of which service it is a version",
            code="no_service",
            remedy="write service: NAME into it, or push with --service NAME",
        )
    if wanted.number is not None and wanted.bump is not None:
        raise InvalidInputError("a number and a bump contradict each other", code="number_and_bump", remedy="give one")
    if wanted.bump is not None:
        return service, None
    return service, wanted.number or content.number


def _next(latest: Version | None, content: BundleContent, lineage: Lineage, wanted: Bump) -> tuple[VersionNumber, str]:
    if latest is None:
        return FIRST, "It is the first version."
    if wanted != "auto":
        return bump(latest.number, wanted), ""
    found = difference(latest.bundle, content.bundle, before_lineage=latest.lineage, after_lineage=lineage)
    proposal = proposed_bump(found)
    return bump(latest.number, proposal.kind), proposal.reason


async def _warnings(connection: AsyncConnection, content: BundleContent) -> tuple[str, ...]:
    models = (content.bundle.model, *content.bundle.routing.fallbacks)
    names = dict.fromkeys(model.partition("/")[0] for model in models)
    unknown = [name for name in names if await find_provider(connection, name) is None]
    return tuple(f"Provider {name!r} is not configured yet." for name in unknown)
