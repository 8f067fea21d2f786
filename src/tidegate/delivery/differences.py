"""What changed between two bundles, read like a review: as data, and as lines of text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from tidegate.delivery.bundle import Bundle, Lineage
from tidegate.wire.insertion import Message

_CONTEXT_LINES = 3
_DATED = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8})$")
_MISSING: Any = None


class FieldChange(msgspec.Struct, frozen=True):
    """One value; ``None`` stands for *not set* on either side.

    Attributes:
        field: dotted path, such as ``generation.temperature``.
    """

    field: str
    before: Any
    after: Any


class FileChange(msgspec.Struct, frozen=True):
    """One file; sizes in bytes, ``None`` where the file or its size is not known."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before_bytes: int | None = None
    after_bytes: int | None = None


class BundleDifference(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that differs; empty parts did not change.

    Attributes:
        model: ``provider/model`` from and to.
        base_model: base model as the lineages name it, from and to (both known and different).
        system: unified diff of the system prompt, lines without line ends.
        prompt: policy and variables.
        card: unified diff of the model card.
    """

    model: FieldChange | None = None
    base_model: FieldChange | None = None
    system: tuple[str, ...] = ()
    prompt: tuple[FieldChange, ...] = ()
    few_shot_added: tuple[Message, ...] = ()
    few_shot_removed: tuple[Message, ...] = ()
    generation: tuple[FieldChange, ...] = ()
    safety: tuple[FieldChange, ...] = ()
    routing: tuple[FieldChange, ...] = ()
    requirements: tuple[FieldChange, ...] = ()
    card: tuple[str, ...] = ()
    files: tuple[FileChange, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether both bundles deliver the same content."""
        return self == BundleDifference(base_model=self.base_model)

    def breaking(self) -> list[str]:
        """Reasons for a major version, strongest first."""
        reasons = []
        if self._is_new_base_model():
            changed = self.base_model or self.model
            assert changed is not None
            reasons.append(f"the base model changes from {changed.before} to {changed.after}")
        if paths := self._changed_under("tokenizer/"):
            reasons.append(f"the tokenizer changes ({paths[0]})")
        for change in self.prompt:
            if change.field.startswith("prompt.variables."):
                if not _is_optional(change.after):
                    reasons.append(f"requests must now bring the template variable {_leaf(change.field)!r}")
            elif change.field == "prompt.system_policy":
                reasons.append(
                    f"the client's own system prompt is now treated by {change.after!r}, not {change.before!r}"
                )
        return reasons

    def extending(self) -> list[str]:
        """Reasons for a minor version, strongest first."""
        reasons = []
        if self.model is not None and not self._is_new_base_model():
            reasons.append(f"the model changes from {self.model.before} to {self.model.after} on the same base model")
        if paths := self._changed_under("weights/", "model/", "config.json"):
            reasons.append(f"the weights change ({paths[0]})")
        if self.system:
            reasons.append("the system prompt changes")
        if self.few_shot_added or self.few_shot_removed:
            reasons.append("the few-shot examples change")
        if self.prompt:
            reasons.append("the prompt's variables change")
        reasons += [f"the setting {change.field} changes" for change in (*self.safety, *self.requirements)]
        if paths := self._changed_under("processing/"):
            reasons.append(f"the processing code changes ({paths[0]})")
        return reasons

    def adjusting(self) -> list[str]:
        """Reasons for a patch version."""
        reasons = [f"the parameter {change.field} changes" for change in (*self.generation, *self.routing)]
        reasons += [f"the file {change.path} is {change.kind}" for change in self.files]
        if self.card:
            reasons.append("the model card changes")
        return reasons

    def _is_new_base_model(self) -> bool:
        if self.base_model is not None:
            return True
        return self.model is not None and base_of(self.model.before) != base_of(self.model.after)

    def _changed_under(self, *prefixes: str) -> list[str]:
        return [change.path for change in self.files if change.path.startswith(prefixes)]


def difference(
    before: Bundle,
    after: Bundle,
    *,
    before_sizes: Mapping[str, int] | None = None,
    after_sizes: Mapping[str, int] | None = None,
    before_lineage: Lineage | None = None,
    after_lineage: Lineage | None = None,
) -> BundleDifference:
    """Compare two bundles.

    Args:
        before_sizes: bytes of each file by path (from the version's manifest), as far as known.
        before_lineage: names the base model where the model's own name does not.
    """
    added, removed = _few_shot(before.prompt.few_shot, after.prompt.few_shot)
    return BundleDifference(
        model=FieldChange("model", before.model, after.model) if before.model != after.model else None,
        base_model=_base_models(before_lineage, after_lineage),
        system=_text_diff(before.prompt.system, after.prompt.system, "prompt/system.txt"),
        prompt=(*_policy(before, after), *_variables(before, after)),
        few_shot_added=added,
        few_shot_removed=removed,
        generation=_changes("generation", before.generation, after.generation),
        safety=_changes("safety", before.safety, after.safety),
        routing=_changes("routing", _plain(before.routing), _plain(after.routing)),
        requirements=_changes("requirements", before.requirements, after.requirements),
        card=_text_diff(before.card, after.card, "card.md"),
        files=_files(before.files, after.files, before_sizes or {}, after_sizes or {}),
    )


def lines(found: BundleDifference) -> list[str]:
    """The difference as a person reads it, the weightiest first; ``["No differences."]`` when empty."""
    text: list[str] = []
    text += [
        f"{each.field}: {_shown(each.before)} → {_shown(each.after)}"
        for each in (found.model, found.base_model)
        if each
    ]
    text += found.system
    text += [f"- few-shot {each.role}: {each.content}" for each in found.few_shot_removed]
    text += [f"+ few-shot {each.role}: {each.content}" for each in found.few_shot_added]
    changes = (*found.prompt, *found.generation, *found.safety, *found.routing, *found.requirements)
    text += [f"{each.field}: {_shown(each.before)} → {_shown(each.after)}" for each in changes]
    text += [_file_line(each) for each in found.files]
    text += found.card
    return text or ["No differences."]


def base_of(model: str) -> str:
    """The base model's name in ``provider/model``: without provider, fine-tune wrapping and date.

    ``openai/ft:gpt-4.1-mini:acme::9x`` and ``azure/gpt-4.1-mini-2025-04-14`` both give ``gpt-4.1-mini``.
    """
    name = model.partition("/")[2]
    if name.startswith("ft:"):
        name = name.split(":")[1]
    return _DATED.sub("", name)


def _base_models(before: Lineage | None, after: Lineage | None) -> FieldChange | None:
    old, new = (lineage.base_model if lineage else None for lineage in (before, after))
    return FieldChange("base_model", old, new) if old and new and old != new else None


def _text_diff(before: str | None, after: str | None, name: str) -> tuple[str, ...]:
    if before == after:
        return ()
    old, new = ((text or "").splitlines() for text in (before, after))
    return tuple(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", n=_CONTEXT_LINES, lineterm=""))


def _few_shot(
    before: tuple[Message, ...], after: tuple[Message, ...]
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    added: list[Message] = []
    removed: list[Message] = []
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind != "equal":
            removed += before[start:end]
            added += after[new_start:new_end]
    return tuple(added), tuple(removed)


def _policy(before: Bundle, after: Bundle) -> tuple[FieldChange, ...]:
    old, new = before.prompt.system_policy, after.prompt.system_policy
    return (FieldChange("prompt.system_policy", old, new),) if old != new else ()


def _variables(before: Bundle, after: Bundle) -> tuple[FieldChange, ...]:
    """Variables as ``{"default": …}`` or ``{"required": true}``, so that *not declared* stays apart."""
    was_template, is_template = before.prompt.variables is not None, after.prompt.variables is not None
    template = (FieldChange("prompt.is_template", was_template, is_template),) if was_template != is_template else ()
    return template + tuple(
        FieldChange(f"prompt.variables.{name}", _declared(before, name), _declared(after, name))
        for name in sorted({*(before.prompt.variables or {}), *(after.prompt.variables or {})})
        if _declared(before, name) != _declared(after, name)
    )


def _declared(bundle: Bundle, name: str) -> dict[str, Any] | None:
    variables = bundle.prompt.variables or {}
    if name not in variables:
        return None
    return {"required": True} if variables[name] is None else {"default": variables[name]}


def _is_optional(declared: dict[str, Any] | None) -> bool:
    return declared is None or "required" not in declared


def _changes(prefix: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    old, new = dict(_flat(prefix, before)), dict(_flat(prefix, after))
    return tuple(
        FieldChange(field, old.get(field, _MISSING), new.get(field, _MISSING))
        for field in sorted({*old, *new})
        if field not in old or field not in new or not _is_same(old[field], new[field])
    )


def _is_same(before: Any, after: Any) -> bool:
    """Equality of JSON values: ``1`` is ``1.0`` but not ``true``."""
    return before == after and isinstance(before, bool) == isinstance(after, bool)


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(f"{prefix}.{key}", value)
        else:
            yield f"{prefix}.{key}", value


def _plain(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(value, enc_hook=float)  # quantities of routing are durations
    return plain


def _files(
    before: Mapping[str, tuple[str, str]],
    after: Mapping[str, tuple[str, str]],
    before_sizes: Mapping[str, int],
    after_sizes: Mapping[str, int],
) -> tuple[FileChange, ...]:
    changed = []
    for path in sorted({*before, *after}):
        if before.get(path) == after.get(path):
            continue
        kind: Literal["added", "removed", "changed"] = (
            "changed" if path in before and path in after else "added" if path in after else "removed"
        )
        changed.append(FileChange(path, kind, before_sizes.get(path), after_sizes.get(path)))
    return tuple(changed)


def _file_line(change: FileChange) -> str:
    sign = {"added": "+", "removed": "-", "changed": "~"}[change.kind]
    sizes = [_size(each) for each in (change.before_bytes, change.after_bytes) if each is not None]
    return f"{sign} {change.path}" + (f" ({' → '.join(sizes)})" if sizes else "")


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _leaf(field: str) -> str:
    return field.removeprefix("prompt.variables.")


def _shown(value: Any) -> str:
    return "not set" if value is None else msgspec.json.encode(value).decode()
