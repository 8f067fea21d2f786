"""While weights move, rounds are never pooled: what drifts for everybody is no harm of an arm that got more of the later units."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tidegate.delivery.evidence.analysis import judge_guardrails
from tidegate.delivery.evidence.baselines import freeze
from tidegate.delivery.evidence.comparisons import Concurrent
from tidegate.delivery.evidence.rounds import Round
from tidegate.delivery.evidence.sample_ratios import judge_rounds
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.observation import Outcome
from tidegate.delivery.quantities import Change
from tidegate.delivery.release import Baseline
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.distribution import Distribution, bucket
from tidegate.stats.verdict import Verdict

POINTS = GuardrailSpec(metric="error_rate", max_increase=Change(0.02))
RATIO = GuardrailSpec(metric="error_rate", max_ratio=1.2)
COST = GuardrailSpec(metric="cost_per_request", stat="mean", max_increase=Change(0.1))
P95 = GuardrailSpec(metric="latency", stat="p95", max_increase=Change(0.2))
SHARES = (0.1, 0.5, 0.9)
NAMES = ("stable", "a", "b")


def seen(units: int, rate: float, value: int) -> Summary:
    failed = round(units * rate)
    outcomes = {str(Outcome.OK): units - failed, str(Outcome.UPSTREAM_ERROR): failed}
    spread = [value * part // 100 for part in range(80, 121)]
    values = [spread[index % len(spread)] for index in range(units - failed)]
    buckets: dict[int, int] = {}
    for each in values:
        buckets[bucket(each)] = buckets.get(bucket(each), 0) + 1
    told = Distribution(len(values), sum(values), sum(v * v for v in values), buckets)
    return Summary(requests=units, units=units, outcomes=outcomes, latency=told, cost=told)


def both(factor: float = 1.0, slower: float = 1.0, *, is_pooled: bool = False) -> Concurrent:
    """Errors rise from 1 to 9 %, and everything becomes slower and dearer, for both arms alike."""
    told = []
    for number, (share, rate, value) in enumerate(zip(SHARES, (0.01, 0.03, 0.09), (1_000, 1_500, 2_500), strict=True)):
        arm, control = round(4_000 * share), round(4_000 * (1 - share))
        told.append(Round(share, seen(arm, rate * factor, round(value * slower)), seen(control, rate, value), number))
    candidate, stable = (sum((getattr(each, side) for each in told), Summary()) for side in ("arm", "control"))
    baselines = {"latency.p95": Baseline(metric="latency.p95", value=1_700.0)}
    return Concurrent(candidate, stable, 0.5, baselines, stable, () if is_pooled else tuple(told))


def verdict(guardrail: GuardrailSpec, concurrent: Concurrent) -> Verdict:
    (found,) = judge_guardrails(
        (guardrail,), concurrent.candidate, concurrent.candidate, alpha=0.05, least=100, concurrent=concurrent
    )
    return found.verdict


@pytest.mark.parametrize("guardrail", [POINTS, RATIO, COST, P95], ids=["points", "ratio", "mean", "quantile"])
def test_a_drift_that_both_share_is_no_harm(guardrail):
    assert verdict(guardrail, both(is_pooled=True)) is Verdict.FAIL  # what pooling makes of it
    assert verdict(guardrail, both()) is not Verdict.FAIL


@pytest.mark.parametrize(
    ("guardrail", "concurrent"),
    [(POINTS, both(2.5)), (RATIO, both(2.5)), (COST, both(slower=1.5)), (P95, both(slower=1.6))],
    ids=["points", "ratio", "mean", "quantile"],
)
def test_harm_within_the_rounds_is_found(guardrail, concurrent):
    assert verdict(guardrail, concurrent) is Verdict.FAIL


def test_what_a_threshold_was_chosen_by_is_left_out_with_all_rounds_before():
    concurrent = both(slower=1.6)
    first, latest, _ = concurrent.rounds
    (made,) = freeze((P95,), (), None, latest.arm, latest.control)
    before = Baseline(metric=made.metric, value=made.value)  # of an earlier step: nothing here chose it
    begun = concurrent._replace(rounds=(first, latest), baselines={"latency.p95": before})
    assert verdict(P95, begun) is Verdict.FAIL
    own = msgspec.structs.replace(made, round=1)
    assert verdict(P95, begun._replace(baselines={"latency.p95": own})) is not Verdict.FAIL  # nothing is left


def drawn(seed: int, keep: float = 1.0) -> tuple[list[dict[str, int]], list[dict[str, float]]]:
    generator, units, shares = np.random.default_rng(seed), [], []
    for _ in range(30):
        own = generator.dirichlet([3, 3, 3])
        counts = generator.multinomial(120, own)
        units.append(dict(zip(NAMES, (int(counts[0]), int(counts[1]), int(counts[2] * keep)), strict=True)))
        shares.append(dict(zip(NAMES, map(float, own), strict=True)))
    return units, shares


def test_lost_units_show_over_many_small_rounds_with_shares_of_their_own():
    assert judge_rounds(*drawn(3), NAMES, {}) is None
    units, shares = drawn(3, keep=0.7)
    alarm = judge_rounds(units, shares, NAMES, {})
    assert alarm is not None
    assert alarm.code == "sample_ratio_mismatch"
    assert "nothing can be compared" in alarm.sentence
    totals = {name: sum(each[name] for each in units) for name in NAMES}
    assert judge_rounds(units, shares, NAMES, {}, totals) is None  # a person has looked at these
    assert judge_rounds(units, shares, ("stable", "a"), {}) is None  # of an arm that is gone nothing is asked


def test_units_under_way_may_be_of_the_last_two_rounds():
    fair = {"stable": 500, "a": 500}
    units = [fair, {"stable": 500, "a": 330}, {"stable": 500, "a": 330}]
    shares = [{"stable": 0.5, "a": 0.5}] * 3
    assert judge_rounds(units, shares, ("stable", "a"), {}) is not None
    assert judge_rounds(units, shares, ("stable", "a"), {"a": 170}) is None
