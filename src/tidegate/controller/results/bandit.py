"""A bandit's own block of its results: what each round gave to whom, and what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from tidegate.delivery.experiments.bandit.course import Course, course
from tidegate.delivery.experiments.bandit.evidence import rule_of
from tidegate.delivery.experiments.bandit.reweighting import Reweighting
from tidegate.delivery.experiments.variants import CONTROL
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.release import STABLE
from tidegate.registry.releases import ReleaseRow
from tidegate.shapes.experiments import Bandit, BanditRound, BanditVariant

T = TypeVar("T")


def bandit_block(row: ReleaseRow, counts: Sequence[StepCounts], least: int, *, is_under_way: bool) -> Bandit | None:
    """``None`` of an experiment whose weights stand still.

    Args:
        least: rewards that each variant needs.
        is_under_way: whether there may be another epoch.
    """
    found = course(row.spec, row.state, counts, least)
    rule = rule_of(row.spec, row.state.experiment) if row.state.experiment else None
    if found is None or rule is None:
        return None
    return Bandit(
        algorithm=rule.algorithm,
        reward=found.reward,
        cost_weight=rule.cost_weight,
        floor=_points(rule.floor),
        ceiling=_points(rule.ceiling),
        max_change=_points(rule.max_change),
        epoch_seconds=float(rule.epoch),
        epochs=found.epochs,
        next_epoch_at=_next(found, rule) if is_under_way and not row.state.is_paused else None,
        regret=found.regret,
        regret_of_equal_shares=found.regret_of_equal_shares,
        variants=tuple(
            msgspec.convert(msgspec.structs.asdict(each) | {"variant": _named(each.variant)}, BanditVariant)
            for each in found.variants
        ),
        rounds=tuple(
            BanditRound(
                number=each.number,
                began_at=each.began_at,
                weights=_renamed(each.weights),
                units=_renamed(each.units),
                rewards=_renamed(each.rewards),
                means=_renamed(each.means),
                predicted=each.predicted,
            )
            for each in found.rounds
        ),
    )


def _next(found: Course, rule: Reweighting) -> datetime:
    return (found.epoch_at or found.rounds[0].began_at) + timedelta(seconds=rule.epoch)


def _points(share: float) -> int:
    return round(share * 10_000)


def _named(variant: str) -> str:
    return CONTROL if variant == STABLE else variant


def _renamed(by_variant: Mapping[str, T]) -> dict[str, T]:
    return {_named(variant): value for variant, value in by_variant.items()}
