"""A bundle: the immutable content that one version delivers.

Whatever form people write (directory, one file, inline), it becomes the same :class:`Bundle`, and the
bundle becomes the same *tree* of normalised files; the tree's digest is the version's identity.
Reading files, hashing and storing are the registry's work; this module only knows the shape.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tidegate.delivery.quantities import Seconds
from tidegate.wire.insertion import Message


class PromptSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The version's prompt; ``variables`` (name -> default or null) make ``system`` a template.

    ``use`` names a registered prompt (:mod:`tidegate.delivery.prompts`) instead of ``system``, ``few_shot`` and
    ``variables``; what is registered of the bundle holds its content.
    """

    use: str | None = None
    system: str | None = None
    few_shot: tuple[Message, ...] = ()
    system_policy: Literal["prepend", "replace", "keep"] = "prepend"
    variables: dict[str, str | None] | None = None


class TimeoutsSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``None`` inherits (bundle over service over built-in)."""

    connect: Seconds | None = None
    first_token: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds | None = None


class RoutingSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where this version goes when its model does not answer."""

    fallbacks: tuple[str, ...] = ()
    timeouts: TimeoutsSpec | None = None
    max_attempts: int | None = None


class Bundle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The decoded content of a version, without service, number and lineage.

    Attributes:
        model: ``provider/model``; everything after the first slash is the upstream's own name.
        prompt: system prompt and few-shot examples.
        generation: default generation parameters, OpenAI's names.
        safety: safety settings (kept and diffed; content filters read them).
        routing: fallbacks and timeouts of this version.
        requirements: what the version needs from its runtime (free form).
        card: model card, Markdown; ``None`` renders the template.
        files: the other artifacts of a directory bundle: path -> (mode, sha256 hex).
    """

    model: str
    prompt: PromptSpec = PromptSpec()
    generation: dict[str, Any] = {}
    safety: dict[str, Any] = {}
    routing: RoutingSpec = RoutingSpec()
    requirements: dict[str, Any] = {}
    card: str | None = None
    files: dict[str, tuple[str, str]] = {}

    @property
    def provider(self) -> str:
        """Name of the provider, before the first slash."""
        return self.model.partition("/")[0]

    @property
    def upstream_model(self) -> str:
        """The upstream's own model name, after the first slash."""
        return self.model.partition("/")[2]


class Lineage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a version came from; attached to it, outside the digest."""

    parent: str | None = None
    base_model: str | None = None
    git_commit: str | None = None
    training_run: str | None = None
    data: str | None = None
    note: str | None = None
    prompt: str | None = None  # reference and digest of the registered prompt that it took
