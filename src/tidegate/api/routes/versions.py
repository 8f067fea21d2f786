"""Versions: push, read, compare, export, import, verify; and the artifacts they are made of."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from tidegate.api.described import check_stored, described_content
from tidegate.api.plane import Behind, Cursor, Limit, Once, Operator, Plane, Reader
from tidegate.api.replies import after, answers, page, plain, reply
from tidegate.api.transactions import done_once, tried
from tidegate.api.uploads import spooled
from tidegate.delivery import differences
from tidegate.delivery.version import VersionNumber, parse_reference, proposed_bump
from tidegate.errors import InvalidInputError
from tidegate.registry import services, versions
from tidegate.registry.bundle_files import Limits
from tidegate.registry.bundle_tree import Entry, own_parts
from tidegate.registry.push import Wanted, register_content, store_artifacts
from tidegate.shapes.versions import (
    Artifact,
    Difference,
    ManifestEntry,
    Pushed,
    Verification,
    Version,
    VersionDetail,
    Versions,
)

router = APIRouter(tags=["versions"])
_LIMITS = Limits()
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REF = "service/vX.Y.Z[-digest8], service@stable or sha256:…; slashes stay as they are."


class PushBody(BaseModel):
    """A version as its sender has read it; everything is checked again here."""

    model_config = ConfigDict(extra="forbid")
    digest: str = Field(description="Hex sha256 of the tree.")
    manifest: list[tuple[str, Literal["644", "755"], str, int]] = Field(
        description="[path, mode, sha256, size] of every file of the normalised tree.", max_length=_LIMITS.files + 10
    )
    bundle: dict[str, Any] = Field(description="model, prompt, generation, safety, routing, requirements, card.")
    lineage: dict[str, Any] = {}
    version: str | None = Field(
        default=None, description="vX.Y.Z; without it and without bump the registry proposes one."
    )
    bump: Literal["major", "minor", "patch", "auto"] | None = None
    dry_run: bool = False


@router.get("/services/{service}/versions", responses=answers(Versions, "A page of versions."))
async def list_versions(
    plane: Behind, caller: Reader, service: str, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """The versions of a service, highest number first."""
    caller.need_service(service)
    async with plane.control.state.read() as connection:
        stable = (await services.get_service(connection, service)).stable
        found = await versions.list_versions(connection, service)
    shown, following = page(after(found, cursor, lambda row: row.ref), limit, lambda row: row.ref)
    return reply(Versions(versions=tuple(Version(**_summary(row, stable)) for row in shown), next=following))


@router.post("/services/{service}/versions", responses=answers(Pushed, "The version, new or existing."))
async def push(plane: Behind, caller: Operator, service: str, body: PushBody, once: Once) -> Response:
    """Register a version; the same content again changes nothing.

    Artifacts that are not stored yet are answered with 409 `missing_artifacts` and their digests: upload each with
    `PUT /artifacts/{sha256}`, then send the same request again.
    """
    caller.need_service(service)
    manifest = [Entry(*entry) for entry in body.manifest]
    content = described_content(body.bundle, manifest, body.digest, body.lineage)
    wanted = Wanted(
        service=service,
        number=VersionNumber.parse(body.version) if body.version else None,
        bump=body.bump,
        lineage=content.lineage,
    )

    async def change(connection: AsyncConnection) -> Pushed:
        if not body.dry_run:  # again under the write lock, which keeps clean-ups of the store out
            await check_stored(content, plane.registry.artifacts)
        made = await register_content(connection, content, wanted, actor=caller.name, at=plane.control.clock.now())
        return Pushed(**plain(made), is_dry_run=body.dry_run)

    if body.dry_run:
        return reply(await tried(plane.control.state, change))
    await check_stored(content, plane.registry.artifacts)
    reused = await store_artifacts(plane.registry.artifacts, own_parts(content))
    pushed = await done_once(plane.control.state, plane.control.clock, change, Pushed, caller.name, once)
    await store_artifacts(plane.registry.artifacts, reused)  # a sweep that ran before the commit may have taken them
    await plane.control.operations.routing_changed()
    return reply(pushed)


@router.put(
    "/artifacts/{sha256}",
    responses=answers(Artifact, "The stored artifact."),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def put_artifact(plane: Behind, _caller: Operator, sha256: str, request: Request) -> Response:
    """Store the bytes of one artifact; they must have the digest of the path. Repeating it changes nothing."""
    if not _SHA256.fullmatch(sha256):
        raise InvalidInputError(f"{sha256!r} is not a sha256", where="path", remedy="64 lower-case hexadecimal digits")
    async with spooled(request, plane.spool, limit=_LIMITS.file_bytes) as body:
        if body.sha256 != sha256:
            raise InvalidInputError(
                f"these bytes have sha256 {body.sha256}", code="other_bytes", where=sha256, remedy="upload them again"
            )
        is_new = await plane.registry.artifacts.put(body)
    return reply(Artifact(sha256=sha256, size=body.size, created=is_new))


@router.post(
    "/versions/import",
    responses=answers(Pushed, "The version, new or existing."),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_version(
    plane: Behind,
    caller: Operator,
    request: Request,
    service: Annotated[str | None, Query(description="Instead of the archive's own.")] = None,
) -> Response:
    """Register what an export wrote, under the same number; every digest in it is proved. Repeating it changes nothing."""
    if caller.services:
        caller.need_service(service or "")
    async with spooled(request, plane.spool, limit=_LIMITS.total_bytes) as body:
        with tempfile.TemporaryDirectory(dir=plane.spool, prefix="import-") as folder, body.path.open("rb") as source:
            made = await plane.registry.push_archive(
                source, FilePath(folder), Wanted(service=service), actor=caller.name
            )
    await plane.control.operations.routing_changed()
    return reply(Pushed(**plain(made)))


@router.get("/diff", responses=answers(Difference, "What changed."))
async def read_difference(
    plane: Behind,
    caller: Reader,
    a: Annotated[str, Query(description="Before: any reference.")],
    b: Annotated[str, Query(description="After: any reference; it may leave out the service.")],
) -> Response:
    """What changed from one version to another, read like a review."""
    before = await plane.registry.resolve(a)
    is_whole = any(sign in b for sign in "/@:")
    changed = await plane.registry.resolve(b, None if is_whole else before.service)
    caller.need_service(before.service)
    caller.need_service(changed.service)
    found = differences.difference(
        before.bundle,
        changed.bundle,
        before_sizes=before.sizes,
        after_sizes=changed.sizes,
        before_lineage=before.lineage,
        after_lineage=changed.lineage,
    )
    proposal = proposed_bump(found)
    return reply(
        Difference(
            before=before.ref,
            after=changed.ref,
            is_empty=found.is_empty,
            lines=tuple(differences.lines(found)),
            changes=plain(found),
            bump=proposal.kind,
            bump_reason=proposal.reason,
        )
    )


@router.get("/versions/{ref:path}/card", responses=answers(None, "Markdown.", media_type="text/markdown"))
async def read_card(plane: Behind, caller: Reader, ref: str) -> Response:
    """The model card of a version."""
    await _found(plane, caller, ref)
    return PlainTextResponse(await plane.registry.card(ref), media_type="text/markdown")


@router.get("/versions/{ref:path}/export", responses=answers(None, "A tar archive.", media_type="application/x-tar"))
async def export_version(plane: Behind, caller: Reader, ref: str) -> Response:
    """A version as a tar archive, the same bytes each time; a connection that breaks means: throw it away."""
    found = await _found(plane, caller, ref)
    name = found.ref.replace("/", "-")
    headers = {"content-disposition": f'attachment; filename="{name}.tar"', "etag": f'"{found.digest}"'}
    return StreamingResponse(await plane.registry.export(found.ref), media_type="application/x-tar", headers=headers)


@router.get("/versions/{ref:path}/verify", responses=answers(Verification, "What was found."))
async def verify_version(plane: Behind, caller: Reader, ref: str) -> Response:
    """Hash every file of a version again."""
    found = await plane.registry.verify((await _found(plane, caller, ref)).ref)
    return reply(Verification(**plain(found), is_intact=found.is_intact))


@router.get("/versions/{ref:path}", responses=answers(VersionDetail, "The version."))
async def read_version(plane: Behind, caller: Reader, ref: str) -> Response:
    """One version with its content."""
    found = await _found(plane, caller, ref)
    async with plane.control.state.read() as connection:
        stable = (await services.get_service(connection, found.service)).stable
    return reply(
        VersionDetail(
            **_summary(found, stable),
            bundle=plain(found.bundle),
            lineage=plain(found.lineage),
            manifest=tuple(
                ManifestEntry(path=each.path, mode=each.mode, sha256=each.sha256, size=each.size)
                for each in found.manifest
            ),
        )
    )


async def _found(plane: Plane, caller: Reader, ref: str) -> versions.Version:
    found = await plane.registry.resolve(parse_reference(ref))
    caller.need_service(found.service)
    return found


def _summary(found: versions.Version, stable: str | None) -> dict[str, Any]:
    return {
        "ref": found.ref,
        "service": found.service,
        "number": str(found.number),
        "digest": found.digest,
        "model": found.bundle.model,
        "is_stable": found.ref == stable,
        "unstable": found.unstable,
        "files": len(found.manifest),
        "bytes": sum(entry.size for entry in found.manifest),
        "created_at": found.created_at,
        "created_by": found.created_by,
    }
