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
    filled = _filled(seen, weights, [missing.get(name, 0) for name in names])
    if sample_ratio.log_mismatch(filled, weights) < -math.log(sample_ratio.ALARM):
        return None
    counted = {name: units.get(name, 0) for name in names}
    return _mismatch(counted, dict(zip(names, weights, strict=True)), dict(zip(names, seen, strict=True)))


def judge_rounds(
    units: Sequence[Mapping[str, int]],
    shares: Sequence[Mapping[str, float]],
    names: Sequence[str],
    missing: Mapping[str, int],
    accepted: Mapping[str, int] = MappingProxyType({}),
) -> MetricVerdict | None:
    """The same where weights were set anew, from one round to the next.

    Args:
        units, shares: of each round, oldest first, by variant.
        names: the variants that are compared, stable's too; each has a share of every round.
        missing: units that may be under way, in the last round or in the one before.
        accepted: as above, the oldest units first.
    """
    left, seen, weights = dict(accepted), [], []
    for number, (of_round, drawn) in enumerate(zip(units, shares, strict=True)):
        whole = sum(drawn[name] for name in names)
        weights.append([drawn[name] / whole for name in names])
        counts = []
        for name in names:
            gone = min(left.get(name, 0), of_round.get(name, 0))
            left[name] = left.get(name, 0) - gone
            counts.append(of_round.get(name, 0) - gone)
        is_recent = number >= len(units) - 2
        seen.append(_filled(counts, weights[-1], [missing.get(name, 0) for name in names]) if is_recent else counts)
    if sample_ratio.log_mismatch_of_rounds(seen, weights) < -math.log(sample_ratio.ALARM):
        return None
    totals = {name: sum(of_round.get(name, 0) for of_round in units) for name in names}
    sizes = [sum(of_round.get(name, 0) for name in names) for of_round in units]
    wanted = (sum(n * own[i] for n, own in zip(sizes, weights, strict=True)) / sum(sizes) for i in range(len(names)))
    judged = {name: totals[name] - accepted.get(name, 0) for name in names}
    return _mismatch(totals, dict(zip(names, wanted, strict=True)), judged)


def _filled(seen: Sequence[int], weights: Sequence[float], missing: Sequence[int]) -> list[int]:
    """The counts with those under way, as far as they would mend the ratio."""
    full = max(count / weight for count, weight in zip(seen, weights, strict=True))
    return [
        min(count + absent, max(count, round(full * weight)))
        for count, weight, absent in zip(seen, weights, missing, strict=True)
    ]


def _mismatch(units: Mapping[str, int], shares: Mapping[str, float], judged: Mapping[str, int]) -> MetricVerdict:
    on_trial = [name for name in units if name != STABLE]
    return MetricVerdict(
        metric="sample_ratio",
        verdict=Verdict.INCONCLUSIVE,
        code=MISMATCH,
        sentence=_mismatch_sentence(units, shares),
        limit=sum(shares[name] for name in on_trial),
        estimate=sum(judged[name] for name in on_trial) / max(1, sum(judged.values())),
        samples=sum(units[name] for name in on_trial),
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


def _mismatch_sentence(units: Mapping[str, int], shares: Mapping[str, float]) -> str:
    found = ", ".join(f"{name} {count}" for name, count in units.items())
    wanted = ", ".join(f"{name} {shares[name] * 100:.4g} %" for name in units)
    return REASONS[MISMATCH].format(units=found, shares=wanted)
