"""Who serves how much, as parts of a bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class SharePart(NamedTuple):
    """One version's part; ``kind`` is ``stable``, ``candidate`` or ``other``."""

    version: str
    share: float
    kind: str


def served_parts(versions: Mapping[str, int], stable: str | None) -> list[SharePart]:
    """Parts of a bar from requests by version: stable first, then the others by what they got."""
    total = sum(versions.values()) or 1
    in_order = sorted(versions.items(), key=lambda item: (item[0] != stable, -item[1], item[0]))
    others = [version for version, _ in in_order if version != stable]
    kinds = {version: "candidate" if version == others[0] else "other" for version in others}
    return [SharePart(version, count / total, kinds.get(version, "stable")) for version, count in in_order]
