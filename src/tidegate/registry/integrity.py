"""Does the registry still hold what was pushed? And what does it hold that nobody needs?"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.registry.artifacts import ArtifactStore, Stored
from tidegate.registry.bundle_tree import digest8, digest_of, expected_manifest
from tidegate.registry.database import Database
from tidegate.registry.versions import Version, referenced_artifacts

_BATCH = 20  # deletions under one lock


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What re-hashing a version found; no problem means it is byte for byte what was pushed."""

    ref: str
    digest: str
    files: int
    problems: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing was altered or lost."""
        return not self.problems


async def verify_version(version: Version, artifacts: ArtifactStore) -> Verification:
    """Hash every artifact again, and the manifest, and compare the decoded bundle with its files.

    Raises:
        OperatorError: the store does not answer.
    """
    problems = []
    if digest_of(version.manifest) != version.digest or not version.ref.endswith(f"-{digest8(version.digest)}"):
        problems.append("the manifest does not have the version's digest")
    if expected_manifest(version.bundle, version.sizes) != version.manifest:
        problems.append("the bundle's record does not match its files")
    faults = [(entry.path, await artifacts.check(entry.sha256, entry.size)) for entry in version.manifest]
    problems += [f"{path}: {fault}" for path, fault in faults if fault]
    return Verification(ref=version.ref, digest=version.digest, files=len(version.manifest), problems=tuple(problems))


async def unreferenced(database: Database, artifacts: ArtifactStore, before: datetime) -> list[Stored]:
    """Artifacts that no version needs and that were stored before an instant.

    Leave a generous margin (a day): a push stores its artifacts before its version exists.
    """
    candidates = [each async for each in artifacts.stored() if each.stored_at < before]
    async with database.read() as connection:  # after listing, so that a version pushed meanwhile is seen
        needed = await referenced_artifacts(connection)
    return [each for each in candidates if each.sha256 not in needed]


async def sweep(database: Database, artifacts: ArtifactStore, before: datetime) -> list[str]:
    """Delete what interrupted pushes left before an instant; what was deleted.

    Each batch is checked again under the write lock, so a push commits either before (and its artifacts stay)
    or after (and it stores again what is gone).
    """
    swept = await artifacts.remove_leftovers(before)
    candidates = [each.sha256 for each in await unreferenced(database, artifacts, before)]
    for start in range(0, len(candidates), _BATCH):
        batch = candidates[start : start + _BATCH]

        async def delete(connection: AsyncConnection, batch: list[str] = batch) -> list[str]:
            needed = await referenced_artifacts(connection)
            gone = [sha256 for sha256 in batch if sha256 not in needed]
            for sha256 in gone:
                await artifacts.delete(sha256)
            return gone

        swept += await database.transact(delete)
    return swept
