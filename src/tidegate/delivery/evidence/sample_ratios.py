"""Whether the arms got the units they should have. If not, nothing that compares them means anything."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidegate.delivery.evidence.comparisons import Concurrent
from tidegate.delivery.evidence.reasons import COMPARISONS, MISMATCH, REASONS
from tidegate.delivery.release import MetricVerdict
from tidegate.stats import sample_ratio
from tidegate.stats.verdict import Verdict


def judge_sample_ratio(
    both: Concurrent, missing: tuple[int, int], accepted: tuple[int, int] = (0, 0)
) -> MetricVerdict | None:
    """An inconclusive verdict when the units of the arms cannot be explained by their share, else ``None``.

    Args:
        both: the arms.
        missing: units of candidate and stable that may be under way; slow ones are reported late, so the mismatch
            must hold however many of them there are.
        accepted: units that were there when a person looked at an earlier alarm; they are left out.
    """
    units = [max(0, n - left) for n, left in zip((both.candidate.units, both.stable.units), accepted, strict=True)]
    candidate, stable = units
    wanted = (candidate + stable) * both.share
    if candidate < wanted:
        candidate = min(candidate + missing[0], max(candidate, round(stable * both.share / (1 - both.share))))
    else:
        stable = min(stable + missing[1], max(stable, round(candidate * (1 - both.share) / both.share)))
    if sample_ratio.log_mismatch((candidate, stable), (both.share, 1 - both.share)) < -math.log(sample_ratio.ALARM):
        return None
    return MetricVerdict(
        metric="sample_ratio",
        verdict=Verdict.INCONCLUSIVE,
        code=MISMATCH,
        sentence=_mismatch_sentence(both),
        limit=both.share,
        estimate=units[0] / sum(units),
        samples=both.candidate.units,
        stable_samples=both.stable.units,
    )


def set_aside(verdicts: Sequence[MetricVerdict], mismatch: MetricVerdict) -> tuple[MetricVerdict, ...]:
    """The verdicts under a sample-ratio mismatch: no comparison means anything."""
    return (
        *(_without_meaning(v, mismatch.sentence) if v.code in COMPARISONS else v for v in verdicts),
        mismatch,
    )


def _without_meaning(verdict: MetricVerdict, sentence: str) -> MetricVerdict:
    return MetricVerdict(
        metric=verdict.metric,
        verdict=Verdict.INCONCLUSIVE,
        code=MISMATCH,
        sentence=sentence,
        limit=verdict.limit,
        samples=verdict.samples,
        stable_samples=verdict.stable_samples,
        is_dry_run=verdict.is_dry_run,
    )


def _mismatch_sentence(both: Concurrent) -> str:
    return REASONS[MISMATCH].format(
        samples=both.candidate.units, stable_samples=both.stable.units, share=f"{both.share * 100:g} %"
    )
