"""Reading a bundle in any of its forms: a directory, one file, or plain values.

    support-bot/
      bundle.yaml                 what no other file says
      prompt/system.txt           few_shot/*.json (or prompt/few_shot/*.json), in the order of their names
      config/generation.json      safety.json  routing.json (or .yaml)
      card.md
      model/ weights/ tokenizer/ config.json processing/ tests/     kept byte for byte

Each part may stand in its file or in bundle.yaml, never in both. All forms of equal content give equal trees
(:mod:`~tidegate.registry.bundle_tree`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tidegate.documents import Document, nearest
from tidegate.errors import InvalidInputError
from tidegate.registry.bundle_document import Declared, decode_bundle, messages_of
from tidegate.registry.bundle_files import Limits, check_top_level, find_files
from tidegate.registry.bundle_parts import Assembly, parse_part, read_prompt, read_text
from tidegate.registry.bundle_tree import CARD_FILE, CONFIG_PARTS, SYSTEM_FILE, BundleContent, tree_of
from tidegate.registry.canonical import NotJsonError
from tidegate.registry.content import Content, hash_file, read_small

HEADS = ("bundle.yaml", "bundle.yml", "bundle.json")
_FEW_SHOT_FOLDERS = ("few_shot/", "prompt/few_shot/")
_DOCUMENT_SUFFIXES = (".json", ".yaml", ".yml")
_CONFIG_FILES = {f"config/{name}{suffix}": (name,) for name in CONFIG_PARTS for suffix in _DOCUMENT_SUFFIXES}
_DEFAULT_LIMITS = Limits()


def read_bundle(path: Path, limits: Limits = _DEFAULT_LIMITS) -> BundleContent:
    """Read a bundle directory, or a file of ``kind: Bundle``.

    Raises:
        InvalidInputError: anything in it that cannot become a version, with its place.
        ConflictError: a file changed while it was read.
    """
    if path.is_dir():
        return read_directory(path, limits)
    if not path.exists():
        raise InvalidInputError("no such file or directory", code="no_such_bundle", where=str(path))
    document = parse_part(read_small(path, limits.document_bytes), str(path))
    return _content(decode_bundle(document), {})


def read_inline(value: Mapping[str, Any], source: str = "bundle") -> BundleContent:
    """Read a bundle given as plain values.

    Args:
        source: what to call it in errors.

    Raises:
        InvalidInputError: anything in it that cannot become a version, with its field.
    """
    return _content(decode_bundle(Document(dict(value), source)), {})


def read_part(document: Document, *at: str | int) -> BundleContent:
    """Read the bundle that stands at a path of a larger document (``services``, *name*, ``stable``).

    Raises:
        InvalidInputError: as :func:`read_inline`, with the document's lines.
    """
    return _content(decode_bundle(document, at=at), {})


def read_directory(root: Path, limits: Limits = _DEFAULT_LIMITS) -> BundleContent:
    """Read a bundle directory; large files are hashed in pieces, never held.

    Raises:
        InvalidInputError: anything in it that cannot become a version, with its place.
        ConflictError: a file changed while it was read.
    """
    found = find_files(root, limits)
    document = Assembly(_head(root, found, limits))
    artifacts: dict[str, Content] = {}
    few_shot: dict[str, Path] = {}
    room = limits.total_bytes
    for path, place in found.items():
        if path in HEADS:
            continue
        if path.startswith(_FEW_SHOT_FOLDERS):
            few_shot[path] = place
        elif (part := _part(path, place)) is not None:
            field, read = part
            document.put(field, read(read_small(place, limits.document_bytes), str(place)))
        else:
            check_top_level(path, str(place))
            artifacts[path] = hash_file(place, min(limits.file_bytes, room))
            room -= artifacts[path].size
    if few_shot:
        _put_examples(document, few_shot, limits)
    files = {path: (each.mode, each.sha256) for path, each in artifacts.items()}
    return _content(decode_bundle(document, files=files), artifacts)


def _content(declared: Declared, artifacts: Mapping[str, Content]) -> BundleContent:
    return BundleContent(
        bundle=declared.bundle,
        tree=tree_of(declared.bundle, artifacts),
        service=declared.service,
        number=declared.number,
        lineage=declared.lineage,
    )


def _head(root: Path, found: Mapping[str, Path], limits: Limits) -> Document:
    heads = [name for name in HEADS if name in found]
    if not heads:
        near = nearest("bundle.yaml", [name for name in found if "/" not in name] or ["bundle.yaml"])
        hint = f" ({near})" if near.startswith("did") else ""
        raise InvalidInputError(
            f"bundle.yaml is missing{hint}",
            code="no_bundle_file",
            where=str(root),
            remedy="add it with at least model: provider/model",
        )
    if len(heads) > 1:
        raise InvalidInputError(
            f"{heads[0]} and {heads[1]} both stand here", where=str(root), remedy="keep one of them"
        )
    place = found[heads[0]]
    return parse_part(read_small(place, limits.document_bytes), str(place))


def _part(path: str, place: Path) -> tuple[tuple[str, ...], Callable[[bytes, str], Document]] | None:
    """Field and reader of a file that is a part; ``None`` for an artifact.

    Raises:
        InvalidInputError: an unknown file where only parts may stand.
    """
    if path == SYSTEM_FILE:
        return ("prompt", "system"), _prompt_document
    if path == CARD_FILE:
        return ("card",), _text_document
    if path in _CONFIG_FILES:
        return _CONFIG_FILES[path], parse_part
    if path.startswith(("prompt/", "config/")):
        known = [SYSTEM_FILE, "prompt/few_shot/*.json", *_CONFIG_FILES]
        raise InvalidInputError(
            f"{path!r} is not a part of a bundle", code="unknown_part", where=str(place), remedy=nearest(path, known)
        )
    return None


def _put_examples(document: Assembly, few_shot: Mapping[str, Path], limits: Limits) -> None:
    places = list(few_shot.values())
    if len({path.rpartition("/")[0] for path in few_shot}) > 1:
        raise InvalidInputError(
            "few-shot examples stand in two folders", where=str(places[0].parent), remedy="keep them directly in one"
        )
    messages: list[dict[str, Any]] = []
    origins: list[Document] = []
    for place in places:
        part = _example(place, limits)
        messages += part.value
        origins += [part] * len(part.value)
    document.put(("prompt", "few_shot"), Document(messages, str(places[0].parent)))
    for index, origin in enumerate(origins):
        document.note(("prompt", "few_shot", index), origin)


def _example(place: Path, limits: Limits) -> Document:
    if place.suffix != ".json":
        raise InvalidInputError("a few-shot example is a .json file", where=str(place), remedy="rename or remove it")
    part = parse_part(read_small(place, limits.document_bytes), str(place))
    try:
        return Document(messages_of(part.value), part.source)
    except NotJsonError as error:
        raise InvalidInputError(str(error), code="bad_few_shot", where=part.where(error.path)) from None


def _text_document(data: bytes, source: str) -> Document:
    return Document(read_text(data, source), source)


def _prompt_document(data: bytes, source: str) -> Document:
    return Document(read_prompt(data, source), source)
