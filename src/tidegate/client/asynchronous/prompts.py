"""Prompts: pushed, read, compared and labelled.

Written by :mod:`tidegate.client.surface` from :mod:`tidegate.client.calls.prompts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.client.calls import prompts
from tidegate.client.transport import AsyncTransport
from tidegate.shapes.prompts import Prompt, PromptDifference, Prompts


class PromptsOperations:
    """The operations of :mod:`tidegate.client.calls.prompts`; part of :class:`~tidegate.client.AsyncClient`."""

    _transport: AsyncTransport

    async def push_prompt(
        self, name: str, content: Mapping[str, Any], *, note: str = "", labels: Sequence[str] = ()
    ) -> Prompt:
        """Register the next version of a prompt; content that it has already is that version again.

        Args:
            name: lower-case letters, digits, ``-`` and ``.``.
            content: ``system``, ``few_shot``, ``system_policy`` and ``variables``, as in a bundle.
            note: kept with the version.
            labels: pointed at this version.

        Raises:
            InvalidInputError: a bad name, or content that no bundle could have.
        """
        return await self._transport.run(prompts.push_prompt(name, content, note=note, labels=labels))

    async def prompts(self, *, name: str | None = None, limit: int = 100, cursor: str | None = None) -> Prompts:
        """A page of prompts, the newest version of each, or of every version of one, newest first."""
        return await self._transport.run(prompts.prompts(name=name, limit=limit, cursor=cursor))

    async def prompt(self, ref: str) -> Prompt:
        """One version: ``NAME`` (the newest), ``NAME/v3`` or ``NAME@label``.

        Raises:
            NotFoundError: no such prompt, version or label.
        """
        return await self._transport.run(prompts.prompt(ref))

    async def diff_prompts(self, before: str, after: str) -> PromptDifference:
        """What changed from one version of a prompt to another.

        Raises:
            NotFoundError: no such version.
        """
        return await self._transport.run(prompts.diff_prompts(before, after))

    async def label_prompt(self, ref: str, label: str) -> Prompt:
        """Point a label at a version; what had it before loses it.

        Raises:
            NotFoundError: no such version.
            InvalidInputError: a bad label.
        """
        return await self._transport.run(prompts.label_prompt(ref, label))
