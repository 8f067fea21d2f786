"""What a release has counted for each arm, as the API tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class ArmCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of one variant in one step add up to: integers from which every verdict can be computed again.

    Attributes:
        round: how often the step's weights had been set anew.
        early: requests that began before the step's window; ``window``: in it; ``compared``: of those the first of
            each unit, where a coin of the step's share chose the variant. Fields as in
            :class:`tidegate.delivery.evidence.summary.Summary`; what is missing is zero.
    """

    attempt: int
    step: int
    round: int
    variant: str
    early: dict[str, Any]
    window: dict[str, Any]
    compared: dict[str, Any]


class ThresholdChange(msgspec.Struct, frozen=True, kw_only=True):
    """Who declared a release's thresholds, and when; a later one replaces the one before.

    Attributes:
        seq: number of the row in the audit log.
        action: ``release.submitted`` and the like.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    detail: dict[str, Any]


class ReleaseCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a release was judged by: enough to redo its decisions with ``tidegate.stats`` alone.

    Attributes:
        spec: as it was declared, with every threshold.
        thresholds: who declared them, in order.
        arms: counts of every step and variant.
    """

    release: str
    service: str
    spec: dict[str, Any]
    thresholds: tuple[ThresholdChange, ...]
    arms: tuple[ArmCounts, ...]
