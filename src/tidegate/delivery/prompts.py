"""Prompts by name: a template with numbered versions that never change, and labels that point at versions.

A bundle takes one by ``prompt: {use: NAME@LABEL}``. What is registered of the bundle holds the prompt's content, so a
version never changes when a label moves; its lineage names the prompt's version and digest.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from tidegate.delivery.bundle import PromptSpec
from tidegate.errors import InvalidInputError

_REFERENCE = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]{0,62})(?:/v(?P<number>[1-9]\d{0,8})|@(?P<label>[^@/]+))?")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class PromptReference(NamedTuple):
    """``NAME/v3``, ``NAME@production``, or ``NAME`` for the newest version."""

    name: str
    number: int | None = None
    label: str | None = None


def parse_prompt_reference(text: str) -> PromptReference:
    """One of the three forms.

    Raises:
        InvalidInputError: another form.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None or (match["label"] is not None and not _LABEL.fullmatch(match["label"])):
        raise InvalidInputError(
            f"{text!r} is no reference of a prompt", remedy="write NAME, NAME/v3 or NAME@production"
        )
    return PromptReference(match["name"], int(match["number"]) if match["number"] else None, match["label"])


def check_label(label: str) -> None:
    """What may name a label.

    Raises:
        InvalidInputError: other characters, or too long.
    """
    if not _LABEL.fullmatch(label):
        raise InvalidInputError(f"{label!r} cannot name a label", remedy="letters, digits, - _ and .")


def taken_from(spec: PromptSpec, prompt: PromptSpec) -> PromptSpec:
    """What a bundle's prompt becomes whose ``use`` names ``prompt``; its own policy stays."""
    policy = spec.system_policy if spec.system_policy != "prepend" else prompt.system_policy
    return msgspec.structs.replace(prompt, use=None, system_policy=policy)
