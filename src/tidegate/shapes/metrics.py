"""Metrics as the API tells them."""

from __future__ import annotations

import msgspec


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity that releases can be judged by.

    Attributes:
        kind: ``rate``, ``quantity``, ``ratio`` or ``score``.
        unit: of its values; a change of a rate is in points, of everything else relative to stable.
        harm: which way is worse: ``increase``, ``decrease`` or ``change``.
        stat: the statistic that a guardrail is about when it names none; ``None`` for what has but one.
    """

    name: str
    kind: str
    unit: str
    harm: str
    stat: str | None
    meaning: str


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Every metric, and the kinds of sources that any other number may come from."""

    items: tuple[Metric, ...]
    sources: tuple[str, ...]
    next: str | None = None
