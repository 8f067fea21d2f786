"""Pairs of answers with every field filled in, for tests that care about a few of them."""

from __future__ import annotations

from typing import Any

from tests.fakes.observations import observation

from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.delivery.pairs import PairRecord

NEW = "bot/v1.1.0-22222222"


def pair(
    candidate: dict[str, Any] | None = None,
    stable: dict[str, Any] | None = None,
    *,
    is_exact: bool | None = True,
    similarity: int | None = 1_000_000,
    **both: Any,
) -> PairRecord:
    """Two good answers to one request of release ``rel_1``; an ``outcome`` is the assigned one too."""
    sides = []
    for variant, version, own in (("stable", "bot/v1.0.0-11111111", stable), ("candidate", NEW, candidate)):
        fields = {"release": "rel_1", "variant": variant, "version": version, **both, **(own or {})}
        fields.setdefault("assigned_outcome", fields.get("outcome", "ok"))
        fields.setdefault("served", variant)
        sides.append(observation(**fields))
    return PairRecord(stable=sides[0], candidate=sides[1], is_exact=is_exact, similarity=similarity)


def counted(count: int, **fields: Any) -> PairCounts:
    """``count`` equal pairs."""
    one = PairCounts.of(pair(**fields))
    total = PairCounts()
    for bit in f"{count:b}":  # doubling, since adding is exact
        total = total + total
        if bit == "1":
            total = total + one
    return total
