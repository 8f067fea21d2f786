"""The registry as the API sees it: one object over database, artifacts and clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from tidegate.delivery.differences import BundleDifference, difference
from tidegate.delivery.version import Reference
from tidegate.registry import archive, integrity, push, versions
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.bundle_tree import BundleContent
from tidegate.registry.card import model_card
from tidegate.registry.database import Database
from tidegate.registry.integrity import Verification
from tidegate.registry.push import Pushed, Wanted
from tidegate.registry.versions import Version

SWEEP_MARGIN = timedelta(days=1)  # no push takes longer between its first artifact and its version
_NOTHING = Wanted()


class Registry:
    """Versions: register, find, compare, export, verify.

    Args:
        clock: the present as an aware instant.
    """

    def __init__(self, database: Database, artifacts: ArtifactStore, clock: Callable[[], datetime]) -> None:
        self.database = database
        self.artifacts = artifacts
        self.clock = clock

    async def push(self, content: BundleContent, wanted: Wanted = _NOTHING, *, actor: str) -> Pushed:
        """Register a bundle; see :func:`tidegate.registry.push.push` for rules and errors."""
        return await push.push(self.database, self.artifacts, content, wanted, actor=actor, clock=self.clock)

    async def push_archive(self, source: BinaryIO, folder: Path, wanted: Wanted = _NOTHING, *, actor: str) -> Pushed:
        """Register what :func:`tidegate.registry.archive.pack` or an export wrote.

        Args:
            folder: an empty directory for the files while this runs; the caller removes it.

        Raises:
            InvalidInputError: the archive is refused; otherwise as :meth:`push`.
        """
        content = await asyncio.to_thread(archive.unpack, source, folder)
        return await self.push(content, wanted, actor=actor)

    async def resolve(self, reference: Reference | str, service: str | None = None) -> Version:
        """The version a person means; see :func:`tidegate.registry.versions.resolve` for errors."""
        async with self.database.read() as connection:
            return await versions.resolve(connection, reference, service)

    async def versions(self, service: str) -> list[Version]:
        """Every version of a service, highest number first.

        Raises:
            NotFoundError: no such service.
        """
        async with self.database.read() as connection:
            return await versions.list_versions(connection, service)

    async def difference(self, before: str, after: str, service: str | None = None) -> BundleDifference:
        """What changed from one version to another; the second may leave out the service of the first.

        Raises:
            InvalidInputError, NotFoundError, ConflictError: as :meth:`resolve`.
        """
        old = await self.resolve(before, service)
        own_service = service or (None if "/" in after or "@" in after or ":" in after else old.service)
        new = await self.resolve(after, own_service)
        return difference(
            old.bundle,
            new.bundle,
            before_sizes=old.sizes,
            after_sizes=new.sizes,
            before_lineage=old.lineage,
            after_lineage=new.lineage,
        )

    async def verify(self, reference: str, service: str | None = None) -> Verification:
        """Hash everything of a version again.

        Raises:
            NotFoundError: no such version (damage is reported in the result).
        """
        return await integrity.verify_version(await self.resolve(reference, service), self.artifacts)

    async def card(self, reference: str, service: str | None = None) -> str:
        """The model card as Markdown."""
        return model_card(await self.resolve(reference, service))

    async def export(self, reference: str, service: str | None = None) -> AsyncIterator[bytes]:
        """The archive of a version, in pieces; the version is looked up before the first piece is asked for.

        Raises:
            CorruptArtifactError: while iterating; the archive must then be thrown away.
        """
        return archive.export_version(await self.resolve(reference, service), self.artifacts)

    async def sweep(self, margin: timedelta = SWEEP_MARGIN) -> list[str]:
        """Delete what interrupted pushes left more than ``margin`` ago; what was deleted."""
        return await integrity.sweep(self.database, self.artifacts, self.clock() - margin)
