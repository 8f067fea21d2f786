"""What pairs say of each guardrail, and how seldom they say it wrongly."""

from __future__ import annotations

import random

import pytest
from tests.fakes.pairs import counted, pair

from tidegate.delivery.evidence.pair_analysis import can_decide, judge_pairs
from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.delivery.quantities import Change, Comparison, Rule
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.verdict import Verdict

WORSE = Verdict.FAIL


def guardrail(metric: str = "error_rate", **bounds):
    made = {
        name: Change(value) if name.startswith("max_") and name != "max_ratio" else value
        for name, value in bounds.items()
    }
    return GuardrailSpec(metric=metric, **made)


def judge(one: GuardrailSpec, counts: PairCounts | None, *, least: int = 50, alpha: float = 0.05):
    verdicts = judge_pairs([one], counts, counts or PairCounts(), alpha=alpha, least=least, pass_alpha=alpha)
    return verdicts[-1]


def rates(candidate_only: int, stable_only: int, both: int, neither: int) -> PairCounts:
    bad = {"outcome": "upstream_error"}
    return (
        counted(candidate_only, candidate=bad)
        + counted(stable_only, stable=bad)
        + counted(both, candidate=bad, stable=bad)
        + counted(neither)
    )


@pytest.mark.parametrize(
    ("counts", "verdict", "code"),
    [
        (rates(0, 0, 0, 400), Verdict.PASS, "pairs_not_worse"),
        (rates(40, 2, 0, 358), Verdict.FAIL, "pairs_worse"),
        (rates(2, 40, 0, 358), Verdict.PASS, "pairs_not_worse"),
        (rates(6, 6, 300, 400), Verdict.PASS, "pairs_not_worse"),  # hard requests fail in both, and cancel
        (rates(9, 3, 0, 388), Verdict.INCONCLUSIVE, "pairs_undecided"),
        (rates(0, 0, 0, 30), Verdict.NO_DATA, "too_few_pairs"),
        (PairCounts(), Verdict.NO_DATA, "not_measured"),
        (None, Verdict.NO_DATA, "counts_unavailable"),
    ],
)
def test_a_rate_is_judged_by_the_requests_on_which_both_differ(counts, verdict, code):
    found = judge(guardrail(max_increase=0.02), counts)
    assert (found.verdict, found.code) == (verdict, code)
    assert found.sentence


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        (rates(40, 5, 5, 350), Verdict.FAIL),
        (rates(1, 90, 10, 300), Verdict.PASS),
        (rates(3, 2, 0, 300), Verdict.INCONCLUSIVE),
    ],
)
def test_a_ratio_of_rates(counts, verdict):
    assert judge(guardrail(max_ratio=1.5), counts).verdict is verdict


def test_a_few_events_are_no_evidence():
    found = judge(guardrail(max_increase=0.0), rates(4, 0, 0, 0), least=1)
    assert found.verdict is not Verdict.FAIL


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, Verdict.PASS), (1.3, Verdict.FAIL), (0.5, Verdict.PASS)])
def test_a_mean_is_judged_pair_by_pair(factor, verdict):
    random.seed(1)
    counts = PairCounts()
    for _ in range(400):
        base = random.lognormvariate(7, 1)  # requests differ much more than their answers do
        noise = random.lognormvariate(0, 0.2), random.lognormvariate(0, 0.2)
        counts += PairCounts.of(
            pair({"cost_nano_usd": int(base * factor * noise[0])}, {"cost_nano_usd": int(base * noise[1])})
        )
    found = judge(guardrail("cost_per_request", stat="mean", max_increase=0.1), counts)
    assert found.verdict is verdict
    assert found.effect_lower < factor - 1 < found.effect_upper


def test_a_few_huge_costs_are_not_passed_over():
    random.seed(2)
    counts = PairCounts()
    for number in range(600):
        cost = 800 if number % 20 else 40_000  # cheaper nearly always, twice as dear on average
        counts += PairCounts.of(pair({"cost_nano_usd": cost}, {"cost_nano_usd": 1_000}))
    assert judge(guardrail("cost_per_request", stat="mean", max_increase=0.1), counts).verdict is not Verdict.PASS


@pytest.mark.parametrize(
    "shown",
    [
        guardrail("latency", stat="p95", max_increase=0.1),
        guardrail("ttft", stat="p95", hard=Comparison("> 1ms")),
        guardrail("tpot", stat="mean", max_increase=0.1),
        guardrail("output_tokens", stat="p95", max_increase=0.1),
        guardrail("latency", stat="p95", rule=Rule("candidate > stable * 1.2")),
    ],
    ids=lambda each: f"{each.metric}.{each.stat}",
)
def test_latency_and_quantiles_of_a_mirror_are_shown_and_decide_nothing(shown):
    slow = {"duration_us": 9_000_000, "ttft_us": 5_000_000, "tpot_us": 9_000, "output_tokens": 900, "stream": True}
    quick = {"duration_us": 100_000, "ttft_us": 10_000, "tpot_us": 10, "output_tokens": 9, "stream": True}
    found = judge(shown, counted(500, candidate=slow, stable=quick))
    assert found.is_dry_run
    assert not can_decide(shown)
    assert found.metric.startswith("output_tokens") or "decides nothing" in found.sentence


def test_a_hard_limit_looks_at_the_candidate_alone_and_spares_it_when_stable_is_as_bad():
    hard = guardrail(hard=Comparison("> 5%"))
    assert judge(hard, rates(60, 0, 0, 240)).code == "breached"
    assert judge(hard, rates(5, 5, 60, 240)).code == "environment"
    assert judge(hard, rates(0, 60, 0, 240)).code == "within_limit"


def test_a_rule_compares_both_sides():
    rule = guardrail(rule=Rule("candidate > stable * 2"))
    verdicts = judge_pairs(
        [rule],
        rates(30, 5, 0, 200),
        rates(30, 5, 0, 200),
        alpha=0.05,
        least=10,
        pass_alpha=0.05,
        rules={"error_rate: candidate > stable * 2": (True,)},
    )
    assert [(v.verdict, v.code) for v in verdicts] == [(Verdict.FAIL, "rule_broken")]


def looks(make, rails, times: int, pairs: int) -> float:
    """How often one of many looks at a growing number of pairs says *fail*."""
    failed = 0
    for run in range(times):
        dice, counts = random.Random(run), PairCounts()
        for number in range(1, pairs + 1):
            counts += PairCounts.of(make(dice))
            if number % 25 == 0:
                verdicts = judge_pairs(rails, counts, counts, alpha=0.05, least=50, pass_alpha=0.05)
                if any(verdict.verdict is Verdict.FAIL for verdict in verdicts):
                    failed += 1
                    break
    return failed / times


def alike(dice: random.Random):
    """Hard requests fail in both arms alike; costs vary between requests and answers."""
    difficulty = dice.random() ** 6
    base = dice.lognormvariate(7, 1)

    def side():
        outcome = "upstream_error" if dice.random() < difficulty else "ok"
        return {"outcome": outcome, "cost_nano_usd": int(base * dice.lognormvariate(0, 0.4))}

    return pair(side(), side())


RAILS = [guardrail(max_increase=0.0), guardrail("cost_per_request", stat="mean", max_increase=0.0)]


def test_equal_versions_seldom_fail_however_often_one_looks():
    assert looks(alike, RAILS, times=40, pairs=400) <= 0.07


def test_a_worse_version_fails_quickly():
    def worse(dice):
        made = alike(dice)
        if dice.random() < 0.1:
            return pair({"outcome": "upstream_error"}, {"outcome": str(made.stable.outcome)})
        return made

    assert looks(worse, RAILS, times=20, pairs=500) >= 0.9
