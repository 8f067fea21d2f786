"""Prompts: pushed, read, compared and labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.client.call import Call, in_path
from tidegate.shapes.prompts import Prompt, PromptDifference, Prompts


def push_prompt(name: str, content: Mapping[str, Any], *, note: str = "", labels: Sequence[str] = ()) -> Call[Prompt]:
    """Register the next version of a prompt; content that it has already is that version again.

    Args:
        name: lower-case letters, digits, ``-`` and ``.``.
        content: ``system``, ``few_shot``, ``system_policy`` and ``variables``, as in a bundle.
        note: kept with the version.
        labels: pointed at this version.

    Raises:
        InvalidInputError: a bad name, or content that no bundle could have.
    """
    body = {"name": name, "content": dict(content), "note": note, "labels": list(labels)}
    return Call(method="POST", path="/prompts", returns=Prompt, body=body, is_keyed=True)


def prompts(*, name: str | None = None, limit: int = 100, cursor: str | None = None) -> Call[Prompts]:
    """A page of prompts, the newest version of each, or of every version of one, newest first."""
    query = {"name": name, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/prompts", returns=Prompts, query=query)


def prompt(ref: str) -> Call[Prompt]:
    """One version: ``NAME`` (the newest), ``NAME/v3`` or ``NAME@label``.

    Raises:
        NotFoundError: no such prompt, version or label.
    """
    return Call(method="GET", path=f"/prompts/{in_path(ref, keep='/')}", returns=Prompt)


def diff_prompts(before: str, after: str) -> Call[PromptDifference]:
    """What changed from one version of a prompt to another.

    Raises:
        NotFoundError: no such version.
    """
    return Call(method="GET", path="/prompt-diff", returns=PromptDifference, query={"a": before, "b": after})


def label_prompt(ref: str, label: str) -> Call[Prompt]:
    """Point a label at a version; what had it before loses it.

    Raises:
        NotFoundError: no such version.
        InvalidInputError: a bad label.
    """
    return Call(method="PUT", path=f"/prompts/{in_path(ref, keep='/')}", returns=Prompt, body={"label": label})
