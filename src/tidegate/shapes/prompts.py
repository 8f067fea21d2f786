"""Prompts as the API tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a prompt.

    Attributes:
        ref: ``greeting/v3``.
        number: from 1, never reused.
        digest: hex sha256 of its content.
        content: ``system``, ``few_shot``, ``system_policy`` and ``variables``, as far as given.
        labels: that point at this version.
        is_new: whether this push made it.
    """

    ref: str
    name: str
    number: int
    digest: str
    content: dict[str, Any]
    note: str
    created_at: datetime
    created_by: str
    labels: tuple[str, ...]
    is_new: bool = False


class Prompts(msgspec.Struct, frozen=True, kw_only=True):
    """A page of prompts; ``next`` is the cursor of the following page."""

    items: tuple[Prompt, ...]
    next: str | None


class PromptDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one version to another, read like a review."""

    before: str
    after: str
    is_empty: bool
    lines: tuple[str, ...]
