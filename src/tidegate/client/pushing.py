"""Pushing a bundle over the network: the description first, then only the artifacts that control lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tidegate.client.call import Call, Flow, in_path
from tidegate.delivery.bundle import PromptSpec
from tidegate.delivery.quantities import encode_quantity
from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry.bundle_prompts import put_in
from tidegate.registry.bundle_reader import read_bundle, read_inline
from tidegate.registry.bundle_tree import BundleContent
from tidegate.registry.content import CHUNK_BYTES, Content
from tidegate.shapes.prompts import Prompt
from tidegate.shapes.versions import Artifact, Pushed

_ROUNDS = 3  # a clean-up of the store may take an artifact between its upload and the version


class MissingArtifactsError(ConflictError):
    """Control lacks artifacts of a version that is being pushed.

    Attributes:
        missing: their sha256.
    """

    default_code = "missing_artifacts"
    missing: tuple[str, ...] = ()


def push(
    source: str | Path | BundleContent | Mapping[str, Any],
    *,
    service: str | None,
    version: str | None,
    bump: str | None,
    lineage: Mapping[str, str] | None,
    dry_run: bool,
) -> Flow[Pushed]:
    """Read, describe, upload what is missing, describe again; see :func:`tidegate.client.calls.versions.push`."""
    content = _read(source)
    if content.bundle.prompt.use is not None:
        reference = content.bundle.prompt.use
        found: Prompt = yield Call(method="GET", path=f"/prompts/{in_path(reference, keep='/')}", returns=Prompt)
        content = put_in(content, msgspec.convert(found.content, PromptSpec), found.ref, found.digest)
        lineage = None if lineage is None else {**lineage, "prompt": content.lineage.prompt or ""}
    call = _describe(content, _service(content, service), version, bump, lineage, dry_run=dry_run)
    for _ in range(_ROUNDS):
        try:
            pushed: Pushed = yield call
        except MissingArtifactsError as error:
            by_digest = {each.sha256: each for each in content.tree.values()}
            for sha256 in error.missing:
                yield _upload(by_digest[sha256])
        else:
            return pushed
    raise ConflictError(
        "the artifacts disappear as fast as they are sent", code="missing_artifacts", remedy="try again"
    )


def file_chunks(path: Path) -> Iterator[bytes]:
    """A file in pieces.

    Raises:
        InvalidInputError: it cannot be read.
    """
    try:
        with path.open("rb") as opened:
            while data := opened.read(CHUNK_BYTES):
                yield data
    except OSError as error:
        raise InvalidInputError(f"the file cannot be read: {error.strerror}", where=str(path)) from None


def _read(source: str | Path | BundleContent | Mapping[str, Any]) -> BundleContent:
    if isinstance(source, BundleContent):
        return source
    return read_inline(source) if isinstance(source, Mapping) else read_bundle(Path(source))


def _service(content: BundleContent, service: str | None) -> str:
    chosen = service or content.service
    if chosen is None:
        raise InvalidInputError(
            "the bundle does not say of which service it is a version",
            code="no_service",
            remedy="write service: NAME into it, or push with --service NAME",
        )
    return chosen


def _describe(
    content: BundleContent,
    service: str,
    version: str | None,
    bump: str | None,
    lineage: Mapping[str, str] | None,
    *,
    dry_run: bool,
) -> Call[Pushed]:
    number = version or (str(content.number) if content.number and bump is None else None)
    body = {
        "digest": content.digest,
        "manifest": [list(msgspec.structs.astuple(entry)) for entry in content.manifest],
        "bundle": msgspec.to_builtins(content.bundle, enc_hook=encode_quantity),
        "lineage": dict(lineage) if lineage is not None else msgspec.to_builtins(content.lineage),
        "version": number,
        "bump": bump,
        "dry_run": dry_run,
    }
    path = f"/services/{in_path(service)}/versions"
    return Call(method="POST", path=path, returns=Pushed, body=body, is_keyed=True)


def _upload(content: Content) -> Call[Artifact]:
    return Call(
        method="PUT",
        path=f"/artifacts/{content.sha256}",
        returns=Artifact,
        content=content.chunks,
        headers={"content-type": "application/octet-stream", "content-length": str(content.size)},
    )
