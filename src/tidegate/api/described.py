"""A version described over the network: the server believes nothing that it can compute itself.

The description carries the bundle, its manifest and digest. The bundle is decoded and checked as if it had been
read from files, the manifest must be exactly what such a bundle has, and the digest must be the manifest's; the
bytes of each file are hashed when they arrive.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from tidegate.delivery.bundle import Lineage
from tidegate.documents import Document, decode
from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.bundle_document import decode_bundle
from tidegate.registry.bundle_files import Limits, check_path, check_top_level
from tidegate.registry.bundle_tree import BundleContent, Entry, expected_manifest, parts, tree_of
from tidegate.registry.content import StoredContent

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LIMITS = Limits()
_LOOKUPS_AT_ONCE = 16


class MissingArtifactsError(ConflictError):
    """Artifacts of a version must be uploaded before it can be registered.

    Attributes:
        missing: their sha256.
    """

    default_code = "missing_artifacts"

    def __init__(self, missing: tuple[str, ...]) -> None:
        noun = "artifact is" if len(missing) == 1 else "artifacts are"
        super().__init__(
            f"{len(missing)} {noun} not stored yet", remedy="PUT each to /api/v1/artifacts/SHA256, then ask again"
        )
        self.missing = missing


def described_content(
    bundle: dict[str, Any], manifest: list[Entry], digest: str, lineage: dict[str, Any]
) -> BundleContent:
    """The checked content of a description.

    Args:
        bundle: a bundle as plain values, with or without its ``files``.
        manifest: every file of the tree.
        digest: hex sha256 of the tree, as the sender computed it.
        lineage: as far as given.

    Raises:
        InvalidInputError: the bundle is wrong, or manifest and digest are not its own.
    """
    for entry in manifest:
        _check_entry(entry)
    plain = {key: value for key, value in bundle.items() if key != "files"}
    own = parts(decode_bundle(Document(plain, "bundle")).bundle)
    files = {entry.path: (entry.mode, entry.sha256) for entry in manifest if entry.path not in own}
    declared = decode_bundle(Document(plain, "bundle"), files=files)
    sizes = {entry.path: entry.size for entry in manifest}
    if len(sizes) != len(manifest) or expected_manifest(declared.bundle, sizes) != tuple(manifest):
        raise InvalidInputError(
            "the manifest is not that of the bundle", code="bad_manifest", where="manifest", remedy="use a newer client"
        )
    stored = {path: _stored(mode, sha256, sizes[path]) for path, (mode, sha256) in files.items()}
    content = BundleContent(
        bundle=declared.bundle,
        tree=tree_of(declared.bundle, stored),
        lineage=decode(Document(lineage, "lineage"), Lineage),
    )
    if content.digest != digest:
        raise InvalidInputError(
            "the digest is not that of the manifest", code="bad_manifest", where="digest", remedy="use a newer client"
        )
    return content


async def check_stored(content: BundleContent, artifacts: ArtifactStore) -> None:
    """Make sure that every artifact of the content is in the store.

    Raises:
        MissingArtifactsError: naming those that are not.
    """
    gate = asyncio.Semaphore(_LOOKUPS_AT_ONCE)

    async def is_missing(each: StoredContent) -> bool:
        async with gate:
            return await artifacts.size_of(each.sha256) != each.size

    stored = {each.sha256: each for each in content.tree.values() if isinstance(each, StoredContent)}
    found = await asyncio.gather(*map(is_missing, stored.values()))
    if any(found):
        raise MissingArtifactsError(tuple(sha256 for sha256, missing in zip(stored, found, strict=True) if missing))


def _check_entry(entry: Entry) -> None:
    where = f"manifest: {entry.path}"
    if check_path(entry.path, _LIMITS, where=where) != entry.path:
        raise InvalidInputError("the path is not in its normal form", code="bad_manifest", where=where)
    check_top_level(entry.path, where)
    if entry.mode not in {"644", "755"} or not _SHA256.fullmatch(entry.sha256):
        raise InvalidInputError("mode or sha256 is malformed", code="bad_manifest", where=where)
    if not 0 <= entry.size <= _LIMITS.file_bytes:
        raise InvalidInputError(f"{entry.size} is no size of a file", code="bad_manifest", where=where)


def _stored(mode: str, sha256: str, size: int) -> StoredContent:
    return StoredContent(mode="755" if mode == "755" else "644", sha256=sha256, size=size)
