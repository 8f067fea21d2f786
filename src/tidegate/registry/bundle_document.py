"""From plain values (YAML, JSON, an API body) to a checked bundle.

What comes out needs no second look: every rule on content stands here or in
:mod:`~tidegate.registry.bundle_rules`, and every complaint names file, line and field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from tidegate.delivery.bundle import Bundle, Lineage, PromptSpec, RoutingSpec
from tidegate.delivery.quantities import decode_quantity
from tidegate.delivery.version import VersionNumber, check_service_name
from tidegate.documents import Document, Path, decode
from tidegate.errors import InvalidInputError
from tidegate.registry.bundle_rules import check_bundle
from tidegate.registry.canonical import NotJsonError, canonical_value, check_json, normal_text


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle and what was written beside it, which is no part of its digest."""

    bundle: Bundle
    service: str | None = None
    number: VersionNumber | None = None
    lineage: Lineage = Lineage()


class BundleDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of ``kind: Bundle``, as ``tidegate schema`` publishes them.

    Attributes:
        service: service this bundle is meant for.
        version: ``vX.Y.Z``; without it, the registry proposes the next number.
        model: ``provider/model``; everything after the first slash is the upstream's own name.
        card: model card, Markdown.
    """

    model: str
    kind: Literal["Bundle"] = "Bundle"
    service: str | None = None
    version: str | None = None
    prompt: PromptSpec = PromptSpec()
    generation: dict[str, Any] = {}
    safety: dict[str, Any] = {}
    routing: RoutingSpec = RoutingSpec()
    requirements: dict[str, Any] = {}
    card: str | None = None
    lineage: Lineage = Lineage()


def decode_bundle(document: Document, *, at: Path = (), files: Mapping[str, tuple[str, str]] | None = None) -> Declared:
    """Decode and check the bundle at ``at`` of a document.

    Args:
        files: the other artifacts of a directory bundle, path -> (mode, sha256 hex).

    Raises:
        InvalidInputError: an unknown key, a wrong value or a broken rule, with its place.
    """
    value = document.value
    for part in at:
        value = value[part]
    _check_plain(value, document, at)
    made = decode(document, BundleDocument, hook=decode_quantity, at=at)
    try:
        bundle = _normalised(made, files or {})
        check_bundle(bundle)
    except NotJsonError as error:
        raise InvalidInputError(str(error), where=document.where((*at, *error.path))) from None
    return Declared(
        bundle=bundle,
        service=_service(made, document, at),
        number=_number(made, document, at),
        lineage=made.lineage,
    )


def messages_of(value: Any) -> list[dict[str, Any]]:
    """Few-shot messages of one example, from the forms people write.

    ``[{role, content}, …]``, ``{messages: […]}``, one ``{role, content}``, or a pair ``{user, assistant}``.

    Raises:
        NotJsonError: another form, or no message at all.
    """
    if isinstance(value, dict) and set(value) == {"messages"}:
        value = value["messages"]
    if isinstance(value, dict) and set(value) == {"user", "assistant"}:
        return [{"role": role, "content": value[role]} for role in ("user", "assistant")]
    found = value if isinstance(value, list) else [value]
    for index, each in enumerate(found):
        if not isinstance(each, dict) or set(each) != {"role", "content"}:
            raise NotJsonError("an example is a list of {role, content} messages or a pair {user, assistant}", (index,))
    if not found:
        raise NotJsonError("the example is empty; fill it or remove it", ())
    return found


def _check_plain(value: Any, document: Document, at: Path) -> None:
    if not isinstance(value, dict):
        raise InvalidInputError(
            f"a bundle is a mapping of keys, not {type(value).__name__}",
            where=document.where(at),
            remedy="begin with model: provider/model",
        )
    if "model" not in value and set(value) <= set(BundleDocument.__struct_fields__):  # else a misspelt key says more
        raise InvalidInputError(
            "the bundle names no model", where=document.where(at), remedy="add model: provider/model"
        )
    try:
        check_json(value)
    except NotJsonError as error:
        raise InvalidInputError(str(error), where=document.where((*at, *error.path))) from None


def _normalised(made: BundleDocument, files: Mapping[str, tuple[str, str]]) -> Bundle:
    system = None if made.prompt.system is None else normal_text(made.prompt.system) or None
    card = None if made.card is None else normal_text(made.card) or None
    return Bundle(
        model=made.model,
        prompt=msgspec.structs.replace(made.prompt, system=system),
        generation=canonical_value(made.generation),
        safety=canonical_value(made.safety),
        routing=_plain_routing(made.routing),
        requirements=canonical_value(made.requirements),
        card=card,
        files=dict(sorted(files.items())),
    )


def _plain_routing(routing: RoutingSpec) -> RoutingSpec:
    """Empty timeouts are no timeouts."""
    return msgspec.convert(
        {key: value for key, value in canonical_value(routing).items() if value != {}},
        RoutingSpec,
        dec_hook=decode_quantity,
    )


def _service(made: BundleDocument, document: Document, at: Path) -> str | None:
    try:
        return None if made.service is None else check_service_name(made.service)
    except InvalidInputError as error:
        raise _placed(error, document, (*at, "service")) from None


def _number(made: BundleDocument, document: Document, at: Path) -> VersionNumber | None:
    try:
        return None if made.version is None else VersionNumber.parse(made.version)
    except InvalidInputError as error:
        raise _placed(error, document, (*at, "version")) from None


def _placed(error: InvalidInputError, document: Document, path: Path) -> InvalidInputError:
    return InvalidInputError(error.message, code=error.code, where=document.where(path), remedy=error.remedy)
