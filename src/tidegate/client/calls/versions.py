"""Versions: push, read, compare, export, import, verify."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

from tidegate.client import pushing
from tidegate.client.call import Call, Flow, in_path
from tidegate.registry.bundle_tree import BundleContent
from tidegate.shapes.versions import Difference, Pushed, Verification, VersionDetail, Versions

Bump = Literal["major", "minor", "patch", "auto"]


def push(
    source: str | Path | BundleContent | Mapping[str, Any],
    *,
    service: str | None = None,
    version: str | None = None,
    bump: Bump | None = None,
    lineage: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Flow[Pushed]:
    """Register a version; pushing the same content again changes nothing.

    The bundle is read and checked here, and only the artifacts that control lacks are sent.

    Args:
        source: a bundle directory or file, a bundle that was read already, or its plain values.
        service: of which it is a version, unless the bundle says so.
        version: ``vX.Y.Z``, unless the bundle says so or a bump decides.
        bump: which part of the latest number rises; ``auto`` derives it from the change.
        lineage: parent, base_model, git_commit, training_run, data, note; instead of the bundle's own.
        dry_run: say what would happen and register nothing; no artifact is sent.

    Raises:
        InvalidInputError: the bundle is wrong, with file and line.
        ConflictError: the number holds other content, or this content has another number.
    """
    return pushing.push(source, service=service, version=version, bump=bump, lineage=lineage, dry_run=dry_run)


def import_version(archive: str | Path, *, service: str | None = None) -> Call[Pushed]:
    """Register what :meth:`export` wrote, under the same number, optionally in another service.

    Raises:
        InvalidInputError: it is no such archive, or it was altered.
        ConflictError: the number holds other content, or this content has another number.
    """
    return Call(
        method="POST",
        path="/versions/import",
        returns=Pushed,
        query={"service": service},
        content=lambda: pushing.file_chunks(Path(archive)),
        headers={"content-type": "application/x-tar"},
        is_keyed=True,
    )


def versions(service: str, *, limit: int = 100, cursor: str | None = None) -> Call[Versions]:
    """A page of a service's versions, highest number first.

    Raises:
        NotFoundError: no such service.
    """
    return Call(
        method="GET",
        path=f"/services/{in_path(service)}/versions",
        returns=Versions,
        query={"limit": limit, "cursor": cursor},
    )


def version(ref: str) -> Call[VersionDetail]:
    """One version with its content.

    Args:
        ref: ``service/vX.Y.Z[-digest8]``, ``service@stable`` or ``sha256:…``.

    Raises:
        NotFoundError: no such version.
    """
    return Call(method="GET", path=f"/versions/{in_path(ref, keep='/')}", returns=VersionDetail)


def diff(before: str, after: str) -> Call[Difference]:
    """What changed from one version to another; ``after`` may leave out the service.

    Raises:
        NotFoundError: no such version.
    """
    return Call(method="GET", path="/diff", returns=Difference, query={"a": before, "b": after})


def card(ref: str) -> Call[str]:
    """The model card as Markdown.

    Raises:
        NotFoundError: no such version.
    """
    return Call(method="GET", path=f"/versions/{in_path(ref, keep='/')}/card", returns=str)


def export(ref: str, file: BinaryIO) -> Call[int]:
    """Write a version as a tar archive into an open binary file; returns its bytes.

    Throw the file away when this raises.

    Raises:
        NotFoundError: no such version.
        UpstreamError: the connection broke, or an artifact is damaged at the server.
    """
    return Call(method="GET", path=f"/versions/{in_path(ref, keep='/')}/export", returns=int, into=file)


def verify(ref: str) -> Call[Verification]:
    """Have every file of a version hashed again.

    Raises:
        NotFoundError: no such version (damage is reported in the result).
    """
    return Call(
        method="GET", path=f"/versions/{in_path(ref, keep='/')}/verify", returns=Verification, longest_seconds=600.0
    )
