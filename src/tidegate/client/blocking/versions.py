"""Versions: push, read, compare, export, import, verify.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.versions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from tidegate.client.calls import versions
from tidegate.client.calls.versions import Bump
from tidegate.client.transport import SyncTransport
from tidegate.registry.bundle_tree import BundleContent
from tidegate.shapes.versions import Difference, Pushed, Verification, VersionDetail, Versions


class VersionsOperations:
    """The operations of :mod:`tidegate.client.calls.versions`; part of :class:`~tidegate.client.Client`."""

    _transport: SyncTransport

    def push(
        self,
        source: str | Path | BundleContent | Mapping[str, Any],
        *,
        service: str | None = None,
        version: str | None = None,
        bump: Bump | None = None,
        lineage: Mapping[str, str] | None = None,
        dry_run: bool = False,
    ) -> Pushed:
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
        return self._transport.run(
            versions.push(source, service=service, version=version, bump=bump, lineage=lineage, dry_run=dry_run)
        )

    def import_version(self, archive: str | Path, *, service: str | None = None) -> Pushed:
        """Register what :meth:`export` wrote, under the same number, optionally in another service.

        Raises:
            InvalidInputError: it is no such archive, or it was altered.
            ConflictError: the number holds other content, or this content has another number.
        """
        return self._transport.run(versions.import_version(archive, service=service))

    def versions(self, service: str, *, limit: int = 100, cursor: str | None = None) -> Versions:
        """A page of a service's versions, highest number first.

        Raises:
            NotFoundError: no such service.
        """
        return self._transport.run(versions.versions(service, limit=limit, cursor=cursor))

    def version(self, ref: str) -> VersionDetail:
        """One version with its content.

        Args:
            ref: ``service/vX.Y.Z[-digest8]``, ``service@stable`` or ``sha256:…``.

        Raises:
            NotFoundError: no such version.
        """
        return self._transport.run(versions.version(ref))

    def diff(self, before: str, after: str) -> Difference:
        """What changed from one version to another; ``after`` may leave out the service.

        Raises:
            NotFoundError: no such version.
        """
        return self._transport.run(versions.diff(before, after))

    def card(self, ref: str) -> str:
        """The model card as Markdown.

        Raises:
            NotFoundError: no such version.
        """
        return self._transport.run(versions.card(ref))

    def export(self, ref: str, file: BinaryIO) -> int:
        """Write a version as a tar archive into an open binary file; returns its bytes.

        Throw the file away when this raises.

        Raises:
            NotFoundError: no such version.
            UpstreamError: the connection broke, or an artifact is damaged at the server.
        """
        return self._transport.run(versions.export(ref, file))

    def verify(self, ref: str) -> Verification:
        """Have every file of a version hashed again.

        Raises:
            NotFoundError: no such version (damage is reported in the result).
        """
        return self._transport.run(versions.verify(ref))
