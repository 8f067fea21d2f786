"""Puts a registered prompt into a bundle that uses it."""

from __future__ import annotations

import msgspec

from tidegate.delivery.bundle import PromptSpec
from tidegate.delivery.prompts import taken_from
from tidegate.registry.bundle_tree import BundleContent, parts, tree_of


def put_in(content: BundleContent, prompt: PromptSpec, reference: str, digest: str) -> BundleContent:
    """The same bundle with a prompt's content, and its lineage naming it."""
    own = parts(content.bundle)
    files = {path: each for path, each in content.tree.items() if path not in own}
    bundle = msgspec.structs.replace(content.bundle, prompt=taken_from(content.bundle.prompt, prompt))
    lineage = msgspec.structs.replace(content.lineage, prompt=f"{reference} sha256:{digest}")
    return msgspec.structs.replace(content, bundle=bundle, tree=tree_of(bundle, files), lineage=lineage)
