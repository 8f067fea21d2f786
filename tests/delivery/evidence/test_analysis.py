"""Guardrails: what the counts say, and what they do not."""

from __future__ import annotations

import random

import pytest
from tests.delivery.release_world import traffic

from tidegate.delivery.evidence.analysis import REASONS, judge_guardrails, step_verdict
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.quantities import Comparison
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.distribution import Distribution
from tidegate.stats.verdict import Verdict


def guardrail(metric: str, hard: str, stat: str | None = None, **more: object) -> GuardrailSpec:
    return GuardrailSpec(metric=metric, hard=Comparison(hard), stat=stat, **more)


def judge(one: GuardrailSpec, summary: Summary | None, *, window: Summary | None = None, least: int = 1):
    (verdict,) = judge_guardrails([one], summary, window or summary or Summary(), alpha=0.05, least=least)
    return verdict


def spread(values: list[int]) -> Distribution:
    return sum((Distribution.of(value) for value in values[1:]), Distribution.of(values[0]))


@pytest.mark.parametrize(
    ("metric", "outcome"),
    [
        ("error_rate", "upstream_error"),
        ("error_rate", "upstream_rejected"),
        ("error_rate", "rate_limited"),
        ("error_rate", "timeout"),
        ("timeout_rate", "timeout"),
        ("truncation_rate", "truncated"),
        ("refusal_rate", "refused"),
        ("refusal_rate", "filtered"),
    ],
)
def test_a_rate_counts_its_outcomes(metric, outcome):
    verdict = judge(guardrail(metric, "> 5%"), traffic(70, **{outcome: 30}))
    assert (verdict.verdict, verdict.code, verdict.events, verdict.samples) == (Verdict.FAIL, "breached", 30, 100)
    assert verdict.lower > 0.05
    assert judge(guardrail(metric, "> 5%"), traffic(100)).verdict is Verdict.PASS


def test_a_limit_is_not_breached_by_the_estimate_but_by_the_lower_bound():
    verdict = judge(guardrail("error_rate", "> 5%"), traffic(46, failed=4))
    assert verdict.estimate == 0.08
    assert verdict.verdict is Verdict.PASS
    assert "8 %" in verdict.sentence


def test_one_blip_is_no_evidence():
    assert judge(guardrail("error_rate", "> 5%"), traffic(0, failed=4)).verdict is Verdict.PASS
    assert judge(guardrail("error_rate", "> 5%"), traffic(0, failed=5)).verdict is Verdict.FAIL


def test_a_quantile_is_breached_by_its_exceedances():
    slow = Summary(requests=100, units=100, outcomes={"ok": 100}, latency=spread([1_000_000] * 70 + [3_000_000] * 30))
    verdict = judge(guardrail("latency", "> 2500ms", "p95"), slow)
    assert (verdict.verdict, verdict.events, verdict.metric) == (Verdict.FAIL, 30, "latency.p95")
    assert verdict.estimate == pytest.approx(3.0, rel=0.03)
    assert judge(guardrail("latency", "> 3500ms", "p95"), slow).verdict is Verdict.PASS
    assert judge(guardrail("latency", "> 2500ms", "p50"), slow).verdict is Verdict.PASS


def test_a_bucket_that_the_limit_cuts_counts_as_below_it():
    just_above = Summary(requests=50, units=50, outcomes={"ok": 50}, latency=spread([2_500_100] * 50))
    assert judge(guardrail("latency", "> 2500ms", "p95"), just_above).events == 0


def test_failed_requests_exceed_any_latency():
    summary = traffic(50, failed=50, latency_us=1_000)
    verdict = judge(guardrail("latency", "> 60s", "p95"), summary)
    assert (verdict.verdict, verdict.events, verdict.samples) == (Verdict.FAIL, 50, 100)


def test_a_mean_needs_a_hundred_values_and_then_its_bound_must_be_beyond():
    generator = random.Random(7)
    costs = [int(generator.lognormvariate(0, 0.3) * 20_000_000) for _ in range(400)]  # about 0.02 USD
    few = Summary(requests=99, units=99, outcomes={"ok": 99}, cost=spread(costs[:99]))
    many = Summary(requests=400, units=400, outcomes={"ok": 400}, cost=spread(costs))
    assert judge(guardrail("cost_per_request", "> 0.01 USD", "mean"), few).verdict is Verdict.PASS
    verdict = judge(guardrail("cost_per_request", "> 0.01 USD", "mean"), many)
    assert verdict.verdict is Verdict.FAIL
    assert verdict.limit < verdict.lower < verdict.estimate
    assert judge(guardrail("cost_per_request", "> 0.021 USD", "mean"), many).verdict is Verdict.PASS


def test_an_unknown_price_is_no_data_and_never_zero():
    verdict = judge(guardrail("cost_per_request", "> 0.01 USD", "mean"), traffic(500))
    assert (verdict.verdict, verdict.code) == (Verdict.NO_DATA, "not_measured")


def test_below_min_samples_there_is_no_data_but_a_breach_is_a_breach():
    one = guardrail("error_rate", "> 5%")
    assert judge(one, traffic(19), least=20).code == "too_few_samples"
    assert judge(one, traffic(0, failed=10), least=200).verdict is Verdict.FAIL
    assert judge(one, None).code == "counts_unavailable"


def test_before_the_window_limits_are_watched_and_nothing_passes():
    one = guardrail("error_rate", "> 5%")
    assert judge(one, traffic(0, failed=10), window=Summary(requests=0)).verdict is Verdict.FAIL
    assert judge(one, traffic(100), window=Summary(requests=0, units=0)).verdict is Verdict.NO_DATA


def test_alpha_is_shared_by_the_guardrails_that_can_act():
    near = traffic(16, failed=5)
    one, dry = guardrail("error_rate", "> 5%"), guardrail("timeout_rate", "> 5%", dry_run=True)

    def lower(*guardrails):
        return judge_guardrails(guardrails, near, near, alpha=0.05, least=1)[0].lower

    assert lower(one) == lower(one, dry)
    assert lower(one, guardrail("refusal_rate", "> 5%")) < lower(one)


def test_the_step_is_judged_by_the_worst_and_never_passes_without_data():
    window = traffic(50)
    good, dry = guardrail("error_rate", "> 5%"), guardrail("timeout_rate", "> 5%", dry_run=True)
    verdicts = judge_guardrails([good, dry], traffic(50, timeout=50), window, alpha=0.05, least=1)
    assert step_verdict(verdicts, window, 1) is Verdict.FAIL
    assert step_verdict(verdicts[1:], window, 1) is Verdict.PASS  # a dry run never acts
    assert step_verdict((), Summary(), 0) is Verdict.NO_DATA
    assert step_verdict((), window, 51) is Verdict.NO_DATA


def test_every_reason_is_a_constant_code_with_a_constant_sentence():
    assert all(code.islower() and sentence for code, sentence in REASONS.items())
    verdict = judge(guardrail("error_rate", "> 5%"), traffic(60, failed=40))
    assert verdict.sentence == "error_rate is 40 % over 100 requests (40 against it), surely > 5 %"
