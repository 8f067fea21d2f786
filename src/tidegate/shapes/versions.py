"""Versions, their differences, and the outcome of a push or of applied documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class ManifestEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a version's tree; ``mode`` is ``644`` or ``755``, ``size`` in bytes."""

    path: str
    mode: str
    sha256: str
    size: int


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version as lists show it.

    Attributes:
        ref: full name, ``service/vX.Y.Z-digest8``.
        number: ``vX.Y.Z``.
        digest: hex sha256 of the tree.
        model: ``provider/model``.
        is_stable: whether users get it now.
        unstable: why, when a release of it was rolled back.
        bytes: of all its files.
    """

    ref: str
    service: str
    number: str
    digest: str
    model: str
    is_stable: bool
    unstable: str | None
    files: int
    bytes: int
    created_at: datetime
    created_by: str


class VersionDetail(Version, frozen=True, kw_only=True):
    """One version with its content.

    Attributes:
        bundle: model, prompt, generation, safety, routing, requirements, card, files; what is not given is absent.
        lineage: parent, base_model, git_commit, training_run, data, note, as far as given.
    """

    bundle: dict[str, Any]
    lineage: dict[str, Any]
    manifest: tuple[ManifestEntry, ...]


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a service's versions, highest number first; ``next`` is the cursor of the following page."""

    versions: tuple[Version, ...]
    next: str | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from ``before`` to ``after`` (full references).

    Attributes:
        lines: for people, the weightiest first.
        changes: the same as data: model, system, prompt, few_shot_added …; see ``delivery.differences``.
        bump: which part of the number the change calls for; ``bump_reason`` says why.
    """

    before: str
    after: str
    is_empty: bool
    lines: tuple[str, ...]
    changes: dict[str, Any]
    bump: str
    bump_reason: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What re-hashing a version found; without problems it is byte for byte what was pushed."""

    ref: str
    digest: str
    files: int
    problems: tuple[str, ...]
    is_intact: bool


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What a push did, or with a dry run would do.

    Attributes:
        ref: full name of the version, new or existing.
        created: whether it is new.
        reason: why the number is this one, when the registry chose it.
        warnings: what will matter before this version can serve.
    """

    ref: str
    digest: str
    created: bool
    reason: str
    warnings: tuple[str, ...]
    is_dry_run: bool = False


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A stored artifact; ``created`` tells whether these bytes are new."""

    sha256: str
    size: int
    created: bool


class AppliedChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one declared thing.

    Attributes:
        kind: ``Service``, ``Provider``, ``Key``, ``Bundle`` or ``Release``.
        action: ``created``, ``updated``, ``unchanged``, or ``differs`` (an inline stable that is not the
            running one: nothing was changed, versions move by releases).
        detail: what changed, one line each.
    """

    kind: str
    name: str
    action: str
    detail: tuple[str, ...]


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every document, in order; ``warnings`` tell what else follows."""

    changes: tuple[AppliedChange, ...]
    is_dry_run: bool
    warnings: tuple[str, ...] = ()
