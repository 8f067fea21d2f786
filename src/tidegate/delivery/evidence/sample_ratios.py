"""Whether the arms got the units they should have. If not, nothing that compares them means anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tidegate.delivery.evidence.reasons import COMPARISONS, MISMATCH, REASONS
from tidegate.delivery.release import STABLE, MetricVerdict
from tidegate.stats import sample_ratio
from tidegate.stats.verdict import Verdict


def judge_sample_ratio(
    units: Mapping[str, int],
    shares: Mapping[str, int],
    missing: Mapping[str, int],
    accepted: Mapping[str, int] = MappingProxyType({}),
) -> MetricVerdict | None:
    """An inconclusive verdict when the units of the variants cannot be explained by their shares, else ``None``.

    Args:
        units: that were compared so far, by variant.
        shares: basis points of each variant that is compared, stable's too.
        missing: units that may be under way; slow ones are reported late, so the mismatch must hold however many of
            them there are.
        accepted: units that were there when a person looked at an earlier alarm; they are left out.
    """
    names = [variant for variant, share in shares.items() if share]
    drawn = sum(shares[name] for name in names)
    weights = [shares[name] / drawn for name in names]
    seen = [max(0, units.get(name, 0) - accepted.get(name, 0)) for name in names]
    full = max(count / weight for count, weight in zip(seen, weights, strict=True))
    filled = [
        min(count + missing.get(name, 0), max(count, round(full * weight)))
        for name, count, weight in zip(names, seen, weights, strict=True)
    ]
    if sample_ratio.log_mismatch(filled, weights) < -math.log(sample_ratio.ALARM):
        return None
    on_trial = [index for index, name in enumerate(names) if name != STABLE]
    return MetricVerdict(
        metric="sample_ratio",
        verdict=Verdict.INCONCLUSIVE,
        code=MISMATCH,
        sentence=_mismatch_sentence({name: units.get(name, 0) for name in names}, shares),
        limit=sum(weights[index] for index in on_trial),
        estimate=sum(seen[index] for index in on_trial) / sum(seen),
        samples=sum(units.get(names[index], 0) for index in on_trial),
        stable_samples=units.get(STABLE, 0),
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


def _mismatch_sentence(units: Mapping[str, int], shares: Mapping[str, int]) -> str:
    found = ", ".join(f"{name} {count}" for name, count in units.items())
    wanted = ", ".join(f"{name} {shares[name] / 100:g} %" for name in units)
    return REASONS[MISMATCH].format(units=found, shares=wanted)
