"""Quantiles are judged by a threshold that was frozen before: what chose it is no evidence, in whichever round."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import msgspec

from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.experiments.differences import _evident
from tidegate.delivery.experiments.effects import EffectStanding, Round, arm_effect
from tidegate.delivery.experiments.progress import Experiment
from tidegate.delivery.experiments.thresholds import exceedances, freeze_thresholds, quantile_of
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.observation import Outcome
from tidegate.delivery.quantities import Change
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.distribution import Distribution, upper_edge

P95 = GuardrailSpec(metric="latency", stat="p95")
EXPERIMENT = Experiment(step=0, shares=({"a": 5_000},), round_at=datetime(2026, 3, 1, tzinfo=UTC))


def latencies(count: int, mean: float, seed: int, failed: int = 0) -> Summary:
    chance = random.Random(seed)
    values = Distribution()
    for _ in range(count):
        values += Distribution.of(max(1, round(chance.gauss(mean, mean / 10))))
    outcomes = {str(Outcome.OK): count, **({str(Outcome.UPSTREAM_ERROR): failed} if failed else {})}
    return Summary(requests=count + failed, units=count + failed, outcomes=outcomes, latency=values)


def frozen(stable: Summary, arm: Summary, experiment: Experiment = EXPERIMENT) -> Experiment:
    counts = [
        StepCounts(attempt=1, step=0, variant=name, total=each, window=each, compared=each)
        for name, each in (("stable", stable), ("a", arm))
    ]
    return msgspec.structs.replace(experiment, thresholds=freeze_thresholds([P95], experiment, counts))


def test_it_is_frozen_once_from_enough_of_control():
    assert frozen(latencies(99, 1e5, 1), latencies(500, 1e5, 2)).thresholds == ()
    once = frozen(latencies(100, 1e5, 1), latencies(500, 1e5, 2))
    assert 1e5 < once.thresholds[0].value < 1.35e5
    assert frozen(latencies(900, 3e5, 1), latencies(500, 3e5, 2), once) == once
    assert (
        frozen(latencies(90, 1e5, 1, failed=20), latencies(500, 1e5, 2)).thresholds == ()
    )  # control's p95 is a failure


def test_what_chose_it_is_no_evidence_and_later_values_are():
    stable, slow = latencies(400, 1e5, 1), latencies(400, 2e5, 2)
    (threshold,) = frozen(stable, slow).thresholds
    judge = {"alpha": 0.05, "least": 100, "threshold": threshold}
    assert arm_effect(P95, "a", [Round(0.5, slow, stable)], **judge).standing is EffectStanding.UNDECIDED
    later = Round(0.5, slow + latencies(300, 2e5, 3), stable + latencies(300, 1e5, 4))
    assert arm_effect(P95, "a", [later], **judge).standing is EffectStanding.WORSE
    fast = Round(0.5, slow + latencies(900, 0.5e5, 3), stable + latencies(900, 1e5, 4))
    assert arm_effect(P95, "a", [fast], **judge).standing is EffectStanding.BETTER


def test_rounds_before_the_threshold_tell_nothing():
    stable, arm = latencies(400, 1e5, 1), latencies(400, 1e5, 2)
    (threshold,) = frozen(stable, arm, msgspec.structs.replace(EXPERIMENT, shares=({"a": 5_000},) * 2)).thresholds
    assert threshold.round == 1
    slow = Round(0.5, latencies(900, 3e5, 3), latencies(900, 1e5, 4), 0)
    alike = Round(0.5, arm + latencies(500, 1e5, 5), stable + latencies(500, 1e5, 6), 1)
    found = arm_effect(P95, "a", [slow, alike], alpha=0.05, least=100, threshold=threshold)
    assert found.standing is EffectStanding.UNDECIDED


def test_a_margin_is_tested_at_a_threshold_so_much_higher():
    loose = msgspec.structs.replace(P95, max_increase=Change(0.2))
    start = latencies(400, 1e5, 1), latencies(400, 1e5, 2)
    (threshold,) = frozen(*start).thresholds
    judge = {"alpha": 0.05, "least": 100, "threshold": threshold}
    alike = Round(0.5, start[1] + latencies(900, 1e5, 3), start[0] + latencies(900, 1e5, 4))
    slower = Round(0.5, start[1] + latencies(900, 1.5e5, 3), start[0] + latencies(900, 1e5, 4))
    assert arm_effect(loose, "a", [alike], **judge).standing is EffectStanding.NO_WORSE
    assert arm_effect(loose, "a", [slower], **judge).standing is EffectStanding.WORSE


def test_a_unit_that_was_set_aside_and_counts_elsewhere_now_leaves_no_less_than_nothing():
    stable, arm = latencies(400, 1e5, 1), latencies(400, 1e5, 2)
    (threshold,) = frozen(stable, arm).thresholds
    one = latencies(1, 1e5, 3)
    gone = msgspec.structs.replace(arm, requests=399, units=399, outcomes={"ok": 399})
    gone = msgspec.structs.replace(gone, latency=arm.latency.without(Distribution.of(max(_values(arm)))))
    for later in (Round(0.5, gone, stable), Round(0.5, gone + one, stable), Round(0.5, arm, stable)):
        tails = _evident(quantile_of(P95), [later], threshold, "a")
        for stratum in exceedances(tails, threshold.value):
            assert 0 <= stratum.candidate_events <= stratum.candidate_trials
            assert 0 <= stratum.stable_events <= stratum.stable_trials
        assert (
            arm_effect(P95, "a", [later], alpha=0.05, least=100, threshold=threshold).standing
            is EffectStanding.UNDECIDED
        )


def _values(side: Summary) -> list[int]:
    """A value of every bucket."""
    return [max(1, round(upper_edge(index))) for index in side.latency.buckets]
