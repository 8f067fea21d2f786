"""Who serves how much, as parts of a bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tidegate.delivery.snapshot import TOTAL_WEIGHT


class SharePart(NamedTuple):
    """One version's part; ``kind`` is ``stable``, ``candidate`` or ``other``."""

    version: str
    share: float
    kind: str


def routed_parts(weights: Mapping[str, int], stable: str | None, candidate: str) -> list[SharePart]:
    """Parts of a bar from basis points by version: stable first, the candidate, then the other arms of an experiment."""
    others = {version: weight for version, weight in weights.items() if version != stable}
    in_order = sorted(others.items(), key=lambda item: (item[0] != candidate, item[0]))
    kept = TOTAL_WEIGHT - sum(others.values())
    parts = [SharePart(stable or "", kept / TOTAL_WEIGHT, "stable")]
    for version, weight in in_order:
        parts.append(SharePart(version, weight / TOTAL_WEIGHT, "candidate" if version == candidate else "other"))
    return parts


def tried_weight(weights: Mapping[str, int], stable: str | None) -> int:
    """Basis points of everything that is not stable."""
    return sum(weight for version, weight in weights.items() if version != stable)


def served_parts(versions: Mapping[str, int], stable: str | None, candidate: str | None = None) -> list[SharePart]:
    """Parts of a bar from requests by version: stable first, the candidate, then the others by what they got."""
    total = sum(versions.values()) or 1
    kinds = {candidate: "candidate", stable: "stable"}
    in_order = sorted(versions.items(), key=lambda item: (item[0] != stable, item[0] != candidate, -item[1], item[0]))
    return [SharePart(version, count / total, kinds.get(version, "other")) for version, count in in_order]
