"""What came out of an experiment as one table: a row for each metric of each arm, in each segment where it is divided."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tidegate.shapes.experiments import ArmEffect, Preferences, Results, SegmentedResults


class EffectRow(ArmEffect, frozen=True, kw_only=True):
    """One row; the other columns are those of an effect.

    Attributes:
        segment: within which, ``""`` for the whole experiment.
    """

    release: str
    segment: str = ""


def effect_rows(told: Results | SegmentedResults) -> Iterator[EffectRow]:
    """Every effect, in the order in which it is told; of an interleaving first its win rate, against one half."""
    if isinstance(told, SegmentedResults):
        for segment in told.segments:
            yield from (_row(effect, told.release, segment.segment) for effect in segment.effects)
        return
    if told.preferences is not None:
        yield _row(_win_rate(told.preferences), told.release)
    yield from (_row(effect, told.release) for effect in told.effects)


def _row(effect: ArmEffect, release: str, segment: str = "") -> EffectRow:
    return EffectRow(**msgspec.structs.asdict(effect), release=release, segment=segment)


def _win_rate(votes: Preferences) -> ArmEffect:
    is_known = votes.win_rate is not None
    even = 0.5
    return ArmEffect(
        metric="win_rate",
        variant=votes.variant,
        role="objective",
        better="higher",
        standing=votes.standing,
        unit="share",
        estimate=votes.win_rate,
        control_estimate=even,
        effect=votes.win_rate - even if votes.win_rate is not None else None,
        lower=votes.lower - even if is_known else None,
        upper=votes.upper - even if is_known else None,
        lift=None,
        lift_lower=None,
        lift_upper=None,
        probability=None,
        e_value=votes.e_value,
        p_value=votes.p_value,
        samples=votes.votes,
        control_samples=votes.votes,
        sentence=votes.sentence,
        change="",
    )
