"""The table of metrics: every row can be declared, read, judged each way, and is what the documents say."""

from __future__ import annotations

import math
import random

import pytest
from tests.fakes.observations import observation

from tidegate.delivery.evidence.analysis import judge_guardrails
from tidegate.delivery.evidence.comparisons import Concurrent
from tidegate.delivery.evidence.metrics import METRICS, TABLE, Harm, Kind, estimate_of, samples_of, show_value
from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.release import Baseline
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.errors import InvalidInputError
from tidegate.stats.verdict import Verdict

# How a version is good and how it is bad, by what its observations look like.
SURE = {"surprisal_tokens": 30, "surprisal_unats": 12_000_000}  # 0.4 nats a token
GOOD = {"stream": True, "ttft_us": 300_000, "tpot_us": 20_000, "cached_tokens": 9, "keeps_format": 1, **SURE}
BAD = {
    "error_rate": {"assigned_outcome": "upstream_error"},
    "timeout_rate": {"assigned_outcome": "timeout"},
    "truncation_rate": {"assigned_outcome": "truncated"},
    "refusal_rate": {"assigned_outcome": "refused"},
    "filter_hit_rate": {"assigned_outcome": "filtered"},
    "fallback_rate": {"assigned_outcome": "timeout", "served": "fallback"},
    "latency": {"duration_us": 500_000},
    "ttft": {"ttft_us": 900_000},
    "tpot": {"tpot_us": 60_000},
    "output_tokens": {"output_tokens": 90},
    "perplexity": {"surprisal_unats": 45_000_000},
    "tokens_per_second": {"output_tokens": 10},
    "cost_per_request": {"cost_nano_usd": 9_000},
    "cache_hit_rate": {"cached_tokens": 1},
    "schema_valid_rate": {"keeps_format": 0},
}
VALUES = {
    "error_rate": 0.0,
    "timeout_rate": 0.0,
    "truncation_rate": 0.0,
    "refusal_rate": 0.0,
    "filter_hit_rate": 0.0,
    "fallback_rate": 0.0,
    "latency": 0.25,
    "ttft": 0.3,
    "tpot": 0.02,
    "output_tokens": 30,
    "perplexity": 1.4918,
    "tokens_per_second": 120,
    "cost_per_request": 1.5e-6,
    "cache_hit_rate": 0.75,
    "schema_valid_rate": 1.0,
}


def version(name: str, units: int, is_bad: bool, seed: int = 1) -> Summary:
    """Traffic of a good version, or of one that is bad most of the time in one way; values scatter a little."""
    chance, total = random.Random(seed), Summary()
    for n in range(units):
        fields = GOOD | (BAD[name] if is_bad and chance.random() < 0.9 else {})
        for field in ("duration_us", "ttft_us", "tpot_us", "output_tokens", "cost_nano_usd"):
            plain = {"duration_us": 250_000, "output_tokens": 30, "cost_nano_usd": 1_500, **fields}[field]
            fields = {**fields, field: round(plain * chance.uniform(0.95, 1.05))}
        total += Summary.of(observation(unit_hash=n, **fields))
    return total


def bound(name: str, **more: object):
    harm = METRICS[name].harm
    margin = "max_decrease" if harm is Harm.DECREASE else "max_change" if harm is Harm.EITHER else "max_increase"
    document = {"service": "bot", "version": "v1", "strategy": {"canary": {}}}
    spec = parse_release({**document, "guardrails": [{"metric": name, margin: "20%", **more}]})
    return spec.guardrails[0]


@pytest.mark.parametrize("name", METRICS)
def test_a_version_that_is_worse_in_one_way_fails_by_that_metric_and_an_equal_one_passes(name):
    guardrail, stable = bound(name), version(name, 400, is_bad=False)
    before = {"latency": 262_500, "ttft": 315_000, "tpot": 21_000}.get(name, 0)
    baselines = {f"{name}.p95": Baseline(metric=f"{name}.p95", value=before)}
    found = {}
    for is_bad in (False, True):
        both = Concurrent(version(name, 400, is_bad, seed=2), stable, 0.5, baselines, stable)
        (verdict,) = judge_guardrails(
            [guardrail], both.candidate, both.candidate, alpha=0.05, least=50, concurrent=both
        )
        found[is_bad] = verdict
    assert found[True].verdict is Verdict.FAIL, found[True].sentence
    assert found[False].verdict is not Verdict.FAIL, found[False].sentence
    is_harm_down = METRICS[name].harm is Harm.DECREASE
    assert found[True].effect is None or (found[True].effect < 0) is is_harm_down


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_is_read_in_its_unit(name):
    guardrail, total = bound(name), version(name, 300, is_bad=False)
    assert estimate_of(guardrail, total) == pytest.approx(VALUES[name], rel=0.08)
    assert samples_of(guardrail, total) == 300
    assert estimate_of(guardrail, Summary()) is None
    assert show_value(guardrail, VALUES[name]).endswith("%" if METRICS[name].unit == "share" else METRICS[name].unit)


@pytest.mark.parametrize(
    ("name", "hard"),
    [
        ("schema_valid_rate", "< 80%"),
        ("cache_hit_rate", "< 50%"),
        ("tokens_per_second", "< 100"),
        ("error_rate", "> 20%"),
    ],
)
def test_a_hard_limit_stands_on_the_side_of_harm(name, hard):
    guardrail = parse_release(
        {"service": "b", "version": "v1", "guardrails": [{"metric": name, "hard": hard}]}
    ).guardrails[0]
    bad, good = (version(name, 300, is_bad=is_bad) for is_bad in (True, False))
    (failed,) = judge_guardrails([guardrail], bad, bad, alpha=0.05, least=10)
    (passed,) = judge_guardrails([guardrail], good, good, alpha=0.05, least=10)
    assert (failed.verdict, failed.code) == (Verdict.FAIL, "breached")
    assert (passed.verdict, passed.code) == (Verdict.PASS, "within_limit")


def opinions(yes: int, no: int = 0, numbers: list[float] | None = None) -> Summary:
    told = sum((Opinions.of(value) for value in numbers or []), Opinions(yes=yes, no=no))
    return Summary(requests=1000, units=1000, outcomes={"ok": 1000}, opinions={"liked": told})


@pytest.mark.parametrize(
    ("stat", "candidate", "expected"),
    [
        (None, opinions(yes=300, no=300), Verdict.FAIL),
        (None, opinions(yes=560, no=40), Verdict.PASS),
        (None, opinions(yes=0, numbers=[5.0] * 300), Verdict.NO_DATA),
        ("mean", opinions(0, numbers=[1.0, 2.0] * 200), Verdict.FAIL),
        ("mean", opinions(0, numbers=[4.0, 5.0] * 200), Verdict.PASS),
        ("mean", opinions(yes=400), Verdict.NO_DATA),
    ],
)
def test_feedback_is_a_share_of_yes_or_a_mean_as_the_file_says(stat, candidate, expected):
    declared = {"metric": "feedback:liked", "max_decrease": "10%"} | ({"stat": stat} if stat else {})
    document = {"service": "bot", "version": "v1", "strategy": {"canary": {}}, "objectives": [declared]}
    (objective,) = parse_release(document).objectives
    stable = opinions(yes=540, no=60) if stat is None else opinions(0, numbers=[4.0, 5.0] * 200)
    both = Concurrent(candidate, stable, 0.5, {}, stable)
    (verdict,) = judge_guardrails(
        [], candidate, candidate, alpha=0.05, least=50, concurrent=both, objectives=[objective]
    )
    assert verdict.verdict is expected, verdict.sentence
    assert verdict.is_objective


def outcomes(**chosen: int) -> Summary:
    told = {"outcome": Opinions(categories=chosen)}
    return Summary(requests=1000, units=1000, outcomes={"ok": 1000}, opinions=told)


@pytest.mark.parametrize(
    ("metric", "candidate", "expected", "value"),
    [
        ("feedback:outcome=resolved", outcomes(resolved=300, handed_over=300), Verdict.FAIL, 0.5),
        ("feedback:outcome=resolved", outcomes(resolved=560, handed_over=40), Verdict.PASS, 14 / 15),
        ("feedback:outcome!=spam", outcomes(resolved=300, spam=300), Verdict.FAIL, 0.5),
        ("feedback:outcome!=spam", outcomes(resolved=300, handed_over=300), Verdict.PASS, 1.0),
        ("feedback:outcome=resolved", opinions(yes=600), Verdict.NO_DATA, None),
    ],
)
def test_of_categories_a_share_is_judged_or_that_of_all_others(metric, candidate, expected, value):
    document = {
        "service": "bot",
        "version": "v1",
        "strategy": {"canary": {}},
        "guardrails": [{"metric": metric, "max_decrease": "10%"}],
    }
    (guardrail,) = parse_release(document).guardrails
    stable = outcomes(resolved=540, handed_over=50, spam=10)
    both = Concurrent(candidate, stable, 0.5, {}, stable)
    (verdict,) = judge_guardrails([guardrail], candidate, candidate, alpha=0.05, least=50, concurrent=both)
    assert (verdict.verdict, verdict.estimate) == (expected, value)


@pytest.mark.parametrize("metric", ["feedback:=resolved", "feedback:out come=x", "feedback:outcome=", "judge:a=b"])
def test_what_names_no_category_is_refused(metric):
    document = {"service": "bot", "version": "v1", "guardrails": [{"metric": metric, "max_decrease": "10%"}]}
    with pytest.raises(InvalidInputError, match="unknown metric"):
        parse_release(document)


def test_kinds_and_harms_are_told_once():
    assert len(METRICS) == len(TABLE)
    for metric in TABLE:
        assert metric.meaning[0].islower()
        assert not metric.meaning.endswith(".")
        assert (metric.unit == "share") == (metric.kind is Kind.RATE or metric.name == "cache_hit_rate")


def test_a_quantile_that_is_a_failure_is_beyond_measure():
    assert show_value(GuardrailSpec(metric="latency", stat="p95"), math.inf) == "beyond measure"
