from __future__ import annotations

import pytest

from tidegate.delivery.planning.assumed import AssumedMean, AssumedQuantity, AssumeSpec
from tidegate.delivery.planning.expectation import History, expect
from tidegate.delivery.planning.forecast import forecast
from tidegate.delivery.planning.plan import make_plan
from tidegate.delivery.planning.schedule import parse_target, propose
from tidegate.delivery.quantities import Share
from tidegate.delivery.release_file import parse_release
from tidegate.errors import InvalidInputError

GUARDRAILS = [
    {"metric": "error_rate", "max_increase": "0.5%", "hard": "> 5%"},
    {"metric": "latency", "stat": "p95", "max_increase": "15%"},
    {"metric": "refusal_rate", "max_ratio": 2},
]


def world(per_hour=3_000.0, named=(), **more):
    plain = {
        "requests_per_hour": per_hour,
        "rates": {"error_rate": Share(0.02)},
        "latency": AssumedQuantity(median=1.0, sigma=0.6),
        "input_tokens": 100,
    }
    assumed = AssumeSpec(**(plain | more))
    return expect(History(), assumed, is_by_request=True, named=named), forecast({}, assumed)


def plan(steps, per_hour=3_000.0, guardrails=GUARDRAILS, assume=None, **more):
    spec = parse_release(
        {
            "kind": "Release",
            "service": "bot",
            "version": "v1.1.0",
            "strategy": {"canary": {"steps": steps, "promote": {"bake": "1h"}}},
            "guardrails": guardrails,
            **more,
        }
    )
    named = (*spec.guardrails, *spec.objectives)
    return make_plan(spec, *world(per_hour, named, **(assume or {})), start=0.0)


def test_a_plan_counts_what_comes_in_each_step_and_what_it_exposes():
    found = plan([{"split": "5%", "soak": "2h"}, {"split": "50%", "soak": "10h"}])
    first, second, bake = found.steps
    assert (first.requests, first.candidate_units, second.requests) == (6_000, 300, 30_000)
    assert (bake.kind, bake.share, bake.requests) == ("bake", 1.0, 3_000)
    assert found.planned.requests == pytest.approx(300 + 15_000 + 3_000)
    assert found.planned.seconds == 13 * 3600
    assert found.worst.requests == pytest.approx(4 * found.planned.requests)
    assert found.planned.tokens == pytest.approx(found.planned.requests * (100 + world()[0].output_tokens))
    assert first.reached_after_seconds == pytest.approx(200 / 0.05 / 3_000 * 3600)


def test_more_traffic_finds_smaller_harm_and_a_wider_margin_passes_sooner():
    few, many = (plan([{"split": "25%", "soak": "10h"}], n).steps[0].metrics for n in (3_000, 12_000))
    for less, more in zip(few, many, strict=True):
        assert less.metric == more.metric
        assert more.detectable < less.detectable
    wide = plan(
        [{"split": "25%", "soak": "10h"}], guardrails=[{"metric": "latency", "stat": "p95", "max_increase": "40%"}]
    )
    (narrow,) = [m for m in few if m.metric == "latency.p95"]
    assert wide.steps[0].metrics[0].passes_after_requests < narrow.passes_after_requests


def test_what_can_never_reach_its_samples_is_refused_with_a_remedy():
    found = plan([{"split": "1%", "soak": "10m"}], per_hour=60)
    (refusal,) = found.refusals
    assert refusal.code == "never_enough_samples"
    assert refusal.where.startswith("step 1")
    assert "min_samples" in refusal.remedy
    assert not found.is_feasible
    assert plan([{"split": "1%", "soak": "10m"}], per_hour=0).refusals[0].code == "no_traffic"


def test_what_is_not_decided_in_time_is_said():
    found = plan([{"split": "5%", "soak": "1h"}], per_hour=5_000)
    assert any("latency.p95 in step 1" in sentence for sentence in found.undecided)
    assert not next(m for m in found.steps[0].metrics if m.condition == "comparison").can_pass


def test_steps_without_a_test_are_in_the_timeline():
    found = plan([{"split": "10%", "soak": "5h"}, {"approve": "approver", "timeout": "2h"}])
    approve = found.steps[1]
    assert (approve.kind, approve.share, approve.metrics) == ("approve", 0.1, ())
    assert approve.longest_seconds == approve.seconds == 7_200


def test_what_comes_from_no_history_is_said():
    found = plan([{"split": "10%", "soak": "5h"}])
    assert any("traffic is assumed" in sentence for sentence in found.assumptions)
    assert any(sentence.startswith("refusal_rate is a plain default") for sentence in found.assumptions)


def test_a_schedule_for_a_target_ends_with_the_step_that_decides():
    expected, traffic = world(30_000)
    found = propose(parse_target("p95 +20%", expected), expected, traffic, start=0.0, within=86_400)
    assert [step.share for step in found.steps] == [0.01, 0.05, 0.25, 0.5]
    assert found.steps[-1].requests == pytest.approx(found.cap_requests, rel=0.02)
    assert found.fixed_requests < found.cap_requests < 2.6 * found.fixed_requests
    assert found.expected_requests < found.cap_requests
    assert found.fits
    assert found.detectable_within < 0.2
    declared = {"kind": "Release", "service": "bot", "version": "v1.1.0", "strategy": found.strategy}
    assert parse_release(declared).strategy
    slow = propose(parse_target("p95 +20%", expected), expected, world(300)[1], start=0.0, within=86_400)
    assert not slow.fits


def test_targets_are_read_as_people_write_them():
    expected, _ = world()
    assert parse_target("p95 +10%", expected).guardrail.metric == "latency"
    assert parse_target("ttft.p90 + 15 %", expected).guardrail.stat == "p90"
    assert parse_target("error_rate +1%", expected).change == pytest.approx(0.5)
    assert parse_target("cost_per_request +5%", expected).guardrail.stat == "mean"
    for wrong in ("p95", "colour +10%", "error_rate.p95 +1%", "p42 +10%", "p95 +0%"):
        with pytest.raises(InvalidInputError):
            parse_target(wrong, expected)


def refused(found):
    return [(refusal.code, refusal.where) for refusal in found.refusals]


def test_what_an_equal_candidate_cannot_pass_in_all_the_time_is_refused():
    steps = [{"split": "5%", "soak": "10h"}, {"split": "50%", "soak": "2d"}]
    found = plan(steps, guardrails=[{"metric": "latency", "stat": "p95", "max_increase": "5%"}])
    assert refused(found) == [("never_decided", "latency.p95 in step 1 (split 0.05)")]
    assert "every extension included" in found.refusals[0].sentence
    asked = [{**steps[0], "require": ["error_rate"]}, steps[1]]
    eased = plan(
        asked,
        guardrails=[
            {"metric": "latency", "stat": "p95", "max_increase": "20%"},
            {"metric": "error_rate", "hard": "> 5%"},
        ],
    )
    assert eased.is_feasible  # the small step waits for what it can decide


VOTES = {"metric": "feedback:thumbs_up", "max_decrease": "5%"}
HALF = [{"split": "50%", "soak": "10h"}]


def test_feedback_that_few_give_takes_so_much_longer():
    share = {"rates": {"error_rate": Share(0.02), "feedback:thumbs_up": Share(0.8)}}
    found = {
        told_by: plan(HALF, guardrails=[VOTES], assume={**share, "told_by": {"feedback:thumbs_up": Share(told_by)}})
        for told_by in (0.5, 0.05)
    }
    many, few = (each.steps[0].metrics[0] for each in found.values())
    assert (many.expected, many.kind, many.margin) == (pytest.approx(0.8), "points", 0.05)
    assert few.passes_after_requests == pytest.approx(10 * many.passes_after_requests, rel=0.05)
    assert few.detectable > many.detectable
    assert found[0.5].is_feasible
    assert refused(found[0.05]) == [("never_decided", "feedback:thumbs_up in step 1 (split 0.5)")]


def test_a_metric_of_which_nobody_knows_anything_is_refused_by_name_unless_it_is_only_shown():
    found = plan(HALF, guardrails=[{"metric": "error_rate", "hard": "> 5%"}], objectives=[VOTES])
    assert refused(found) == [("unknown_baseline", "feedback:thumbs_up")]
    assert "told_by" in found.refusals[0].remedy
    shown = {**VOTES, "dry_run": True}
    assert plan(HALF, guardrails=[{"metric": "error_rate", "hard": "> 5%"}, shown]).is_feasible


def test_a_judges_score_and_a_ratio_are_reckoned_by_their_spread():
    means = {
        "judge:kind": AssumedMean(mean=0.8, deviation=0.2),
        "tokens_per_second": AssumedMean(mean=50, deviation=25),
    }
    bounds = [{"metric": "judge:kind", "max_decrease": "5%"}, {"metric": "tokens_per_second", "max_decrease": "5%"}]
    found = plan(HALF, guardrails=bounds, assume={"means": means, "told_by": {"judge:kind": Share(0.2)}})
    judge, speed = found.steps[0].metrics
    assert (judge.metric, judge.kind, judge.expected) == ("judge:kind", "relative", 0.8)
    assert 0.05 < judge.detectable < 0.2
    assert speed.passes_after_requests is not None


def test_an_objective_is_waited_for_in_the_last_step_only():
    steps = [{"split": "10%", "soak": "5h"}, {"split": "50%", "soak": "1d"}]
    found = plan(steps, objectives=[{"metric": "cost_per_request", "max_increase": "30%"}])
    rows = [[m.is_required for m in step.metrics if m.metric == "cost_per_request.mean"] for step in found.steps[:2]]
    assert rows == [[False], [True]]


def test_a_number_from_elsewhere_is_planned_by_when_it_is_read():
    gpu = {"metric": "gpu_util", "source": {"prometheus": "up"}, "hard": "> 95"}
    found = plan(HALF, guardrails=[gpu], analysis={"interval": "5m"})
    row = found.steps[0].metrics[0]
    assert (row.condition, row.passes_after_seconds, row.can_pass) == ("reading", 300, True)
    assert any("gpu_util comes from elsewhere" in sentence for sentence in found.assumptions)
    late = plan([{"split": "50%", "soak": "10h"}], guardrails=[gpu], analysis={"interval": "5d"})
    assert refused(late) == [("never_decided", "gpu_util in step 1 (split 0.5)")]


def test_a_step_for_a_segment_gets_its_traffic_alone():
    steps = [{"split": "50%", "to": {"segment": "internal"}, "soak": "2h"}, {"split": "10%", "soak": "2h"}]
    known = plan(steps, assume={"segments": {"internal": Share(0.1)}})
    unknown = plan(steps)
    first, other = known.steps[0], unknown.steps[0]
    assert (first.part, first.requests, first.candidate_units) == (0.1, 600, 300)
    assert (other.part, other.requests) == (1.0, 6_000)
    assert known.planned.requests == pytest.approx(300 + 600 + 3_000)
    assert any("segment internal" in sentence for sentence in unknown.assumptions)
    assert not any("segment internal" in sentence for sentence in known.assumptions)
