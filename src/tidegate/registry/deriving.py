"""A version with other parameters, as the content of a version of its own."""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.delivery.bundle import Bundle, Lineage
from tidegate.registry.bundle_tree import BundleContent, tree_of
from tidegate.registry.content import Mode, StoredContent
from tidegate.registry.versions import Version


def derived_content(
    base: Version, *, model: str | None = None, system: str | None = None, generation: dict[str, Any]
) -> BundleContent:
    """The content of ``base`` with what is given replaced; its other files are those of ``base``, stored already."""
    bundle = msgspec.structs.replace(
        base.bundle,
        model=model or base.bundle.model,
        prompt=base.bundle.prompt if system is None else msgspec.structs.replace(base.bundle.prompt, system=system),
        generation={**base.bundle.generation, **generation},
    )
    return BundleContent(
        bundle=bundle,
        tree=tree_of(bundle, _files(bundle, base.sizes)),
        service=base.service,
        lineage=Lineage(parent=base.ref, note="an arm of an experiment"),
    )


def _files(bundle: Bundle, sizes: dict[str, int]) -> dict[str, Any]:
    def stored(path: str, mode: str, sha256: str) -> StoredContent:
        known: Mode = "755" if mode == "755" else "644"
        return StoredContent(mode=known, sha256=sha256, size=sizes[path])

    return {path: stored(path, mode, sha256) for path, (mode, sha256) in bundle.files.items()}
