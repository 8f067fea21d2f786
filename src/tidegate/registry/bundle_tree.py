"""A bundle as a tree of normalised files, and the tree's digest: the identity of a version.

The tree is itself a valid bundle directory, whatever form the bundle was written in:

    bundle.yaml                  canonical JSON (which is YAML): kind, model, requirements, prompt settings
    prompt/system.txt            LF line ends, no byte order mark, no line end after the last line
    prompt/few_shot/messages.json
    config/generation.json  config/safety.json  config/routing.json
    card.md                      normalised like the prompt
    everything else              byte for byte: model/ weights/ tokenizer/ config.json processing/ tests/

A part without content has no file, so *not given* and *given empty* are equal. Service, number, lineage and
git commit are no part of the tree.

    manifest = [[path, mode, sha256 hex of the file], …] sorted by the UTF-8 bytes of the path
    digest   = sha256(RFC 8785 JSON of the manifest)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidegate.delivery.bundle import Bundle, Lineage
from tidegate.delivery.version import DIGEST8, VersionNumber
from tidegate.registry.canonical import canonical_json
from tidegate.registry.content import Content, InlineContent

BUNDLE_FILE = "bundle.yaml"
SYSTEM_FILE = "prompt/system.txt"
FEW_SHOT_FILE = "prompt/few_shot/messages.json"
CARD_FILE = "card.md"
CONFIG_PARTS = ("generation", "safety", "routing")


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One line of a manifest: ``[path, mode, sha256, size]``."""

    path: str
    mode: str
    sha256: str
    size: int


Manifest = tuple[Entry, ...]


class BundleContent(msgspec.Struct, frozen=True, kw_only=True):
    """A checked bundle with the bytes of every file of its tree, ready to be pushed.

    Attributes:
        tree: path -> content, complete and normalised.
        service: as written beside the bundle; no part of the digest, like the rest below.
    """

    bundle: Bundle
    tree: dict[str, Content]
    service: str | None = None
    number: VersionNumber | None = None
    lineage: Lineage = Lineage()

    @property
    def manifest(self) -> Manifest:
        """What the tree holds, sorted."""
        return manifest_of(self.tree)

    @property
    def digest(self) -> str:
        """Hex sha256 of the tree."""
        return digest_of(self.manifest)


def own_parts(content: BundleContent) -> list[InlineContent]:
    """What the server can write itself: the normalised parts of the bundle."""
    return [each for each in content.tree.values() if isinstance(each, InlineContent)]


def parts(bundle: Bundle) -> dict[str, bytes]:
    """The normalised files that the bundle's own fields make up, without its ``files``."""
    made: dict[str, bytes] = {BUNDLE_FILE: canonical_json(_head(bundle))}
    if bundle.prompt.system is not None:
        made[SYSTEM_FILE] = bundle.prompt.system.encode()
    if bundle.prompt.few_shot:
        made[FEW_SHOT_FILE] = canonical_json(bundle.prompt.few_shot)
    for name in CONFIG_PARTS:
        if (data := canonical_json(getattr(bundle, name))) != b"{}":
            made[f"config/{name}.json"] = data
    if bundle.card is not None:
        made[CARD_FILE] = bundle.card.encode()
    return made


def tree_of(bundle: Bundle, files: Mapping[str, Content]) -> dict[str, Content]:
    """The whole tree: the bundle's parts and the contents of its ``files``."""
    own: dict[str, Content] = {path: InlineContent(data) for path, data in parts(bundle).items()}
    return {**own, **files}


def manifest_of(tree: Mapping[str, Content]) -> Manifest:
    """Path, mode, digest and size of every file, sorted by path."""
    return _sorted(Entry(path, each.mode, each.sha256, each.size) for path, each in tree.items())


def expected_manifest(bundle: Bundle, sizes: Mapping[str, int]) -> Manifest:
    """The manifest that ``bundle`` must have; sizes of its ``files`` are taken from ``sizes`` (-1 if absent)."""
    own = manifest_of(tree_of(bundle, {}))
    others = (Entry(path, mode, sha256, sizes.get(path, -1)) for path, (mode, sha256) in bundle.files.items())
    return _sorted([*own, *others])


def digest_of(manifest: Iterable[Entry]) -> str:
    """Hex sha256 of the canonical manifest; sizes follow from the contents and stay outside."""
    lines = [[entry.path, entry.mode, entry.sha256] for entry in _sorted(manifest)]
    return hashlib.sha256(canonical_json(lines)).hexdigest()


def digest8(digest: str) -> str:
    """The part of a digest that stands in a version's name."""
    return digest[:DIGEST8]


def _head(bundle: Bundle) -> dict[str, Any]:
    """What no other part holds."""
    head: dict[str, Any] = {"kind": "Bundle", "model": bundle.model}
    prompt: dict[str, Any] = {}
    if bundle.prompt.system_policy != "prepend":
        prompt["system_policy"] = bundle.prompt.system_policy
    if bundle.prompt.variables is not None:
        prompt["variables"] = bundle.prompt.variables
    if prompt:
        head["prompt"] = prompt
    if bundle.requirements:
        head["requirements"] = bundle.requirements
    return head


def _sorted(entries: Iterable[Entry]) -> Manifest:
    return tuple(sorted(entries, key=lambda entry: entry.path.encode()))
