"""Plans of A/B tests: what the smallest arm can find by the horizon, as simulated tests do find it."""

from __future__ import annotations

import numpy as np
import pytest
from bench.statistics.experiments import World, failures, log_normal, opinions, winner_found

from tidegate.delivery.planning.assumed import AssumedQuantity, AssumeSpec
from tidegate.delivery.planning.expectation import History, expect
from tidegate.delivery.planning.forecast import forecast
from tidegate.delivery.planning.plan import make_plan
from tidegate.delivery.quantities import Share
from tidegate.delivery.release_file import parse_release
from tidegate.errors import InvalidInputError

LIKED = {"metric": "feedback:liked"}
SAID = {"rates": {"feedback:liked": Share(0.6)}}


def plan(objectives, per_hour=1_000.0, horizon="10h", strategy=None, **assumed):
    document = {
        "service": "bot",
        "variants": {"control": "@stable", "a": "v1.1.0", "b": "v1.2.0"},
        "strategy": strategy or {"ab_test": {"horizon": horizon}},
        "objectives": objectives,
        "analysis": {"min_samples": 100},
    }
    spec, known = parse_release(document), AssumeSpec(requests_per_hour=per_hour, **(assumed or SAID))
    expected = expect(History(), known, is_by_request=True, named=(*spec.guardrails, *spec.objectives))
    return make_plan(spec, expected, forecast({}, known), start=0.0)


def test_it_tells_of_the_smallest_arm_what_it_finds_and_what_all_arms_expose():
    found = plan([LIKED], rates={"feedback:liked": Share(0.6)})
    decide, bake = found.steps
    assert (decide.kind, decide.requests, decide.min_samples) == ("decide", 10_000, 100)
    assert decide.share == pytest.approx(2 / 3, abs=1e-3)
    assert decide.candidate_units == pytest.approx(3_333)
    liked = decide.metrics[0]
    assert (liked.condition, liked.kind, liked.expected, liked.can_pass) == ("objective", "points", 0.6, True)
    assert 0.02 < liked.detectable < 0.06
    assert found.planned.requests == pytest.approx(10_000 * decide.share + bake.requests)
    assert found.is_feasible
    assert "feedback:liked is assumed" in found.assumptions


def test_less_is_found_by_few_users_who_answer_and_with_more_objectives():
    all_say = plan([LIKED]).steps[0].metrics[0].detectable
    few_say = plan([LIKED], **SAID, told_by={"feedback:liked": Share(0.1)}).steps[0].metrics[0].detectable
    shared = plan([LIKED, {"metric": "cost_per_request"}]).steps[0].metrics[0].detectable
    longer = plan([LIKED], horizon="40h").steps[0].metrics[0].detectable
    assert few_say > 2.5 * all_say
    assert shared > all_say
    assert longer == pytest.approx(all_say / 2, rel=0.2)


def test_a_margin_tells_when_an_equal_arm_has_kept_it():
    loose, tight = (plan([{**LIKED, "max_decrease": margin}]).steps[0].metrics[0] for margin in ("10%", "1%"))
    assert loose.can_pass
    assert loose.passes_after_requests < 10_000 < tight.passes_after_requests
    assert loose.passes_after_seconds == pytest.approx(loose.passes_after_requests * 3.6)
    assert not tight.can_pass


def test_what_can_never_be_decided_is_refused():
    found = plan([LIKED], per_hour=10, horizon="5h")
    assert [refusal.code for refusal in found.refusals] == ["never_enough_samples"]
    assert "no improvement is found" in found.undecided[0]


def test_a_segment_has_its_part_of_the_traffic_and_what_nobody_knows_is_refused():
    strategy = {"ab_test": {"horizon": "10h", "to": {"segment": "beta"}}}
    (decide, _), whole = plan([LIKED], strategy=strategy, **SAID, segments={"beta": Share(0.5)}).steps, plan([LIKED])
    assert decide.requests == whole.steps[0].requests / 2
    assert decide.metrics[0].detectable > 1.3 * whole.steps[0].metrics[0].detectable
    unknown = plan([LIKED], rates={"error_rate": Share(0.02)})
    assert [refusal.code for refusal in unknown.refusals] == ["unknown_baseline"]


def test_what_depends_on_what_comes_out_is_not_planned_and_says_so():
    with pytest.raises(InvalidInputError, match="cannot be reckoned ahead") as error:
        plan([], strategy="bandit")
    assert error.value.code == "not_available_yet"


ASSUMED = {
    "rates": {"feedback:liked": Share(0.6), "error_rate": Share(0.05)},
    "cost_per_request": AssumedQuantity(median=0.001, sigma=0.6),
    "latency": AssumedQuantity(median=1.0, sigma=0.6),
}


@pytest.mark.parametrize(
    ("objective", "answers"),
    [
        ("feedback:liked", lambda change: opinions(0.6, 0.6 + change, 0.6)),
        ("error_rate", lambda change: failures(0.05, 0.05 * (1 - change), 0.05)),
        ("cost_per_request", lambda change: log_normal("cost", 0.6, 1, 1 - change, 1)),
        ("latency.p95", lambda change: log_normal("latency", 0.6, 1, 1 - change, 1)),
    ],
)
def test_what_it_calls_detectable_wins_in_about_so_many_simulated_tests(objective, answers):
    metric, _, stat = objective.partition(".")
    assumed = ASSUMED if metric != "latency" else {**ASSUMED, "rates": {"error_rate": Share(1e-6)}}
    row = plan([{"metric": metric, **({"stat": stat} if stat else {})}], **assumed).steps[0].metrics[0]
    assert row.detectable is not None
    runs, third = 50, 3_333 / 10_000
    world = World((objective,), (third, third), answers(row.detectable), batch=250, units=10_000)
    found = sum(winner_found(np.random.default_rng([17, run]), world) is not None for run in range(runs))
    assert 0.63 <= found / runs <= 0.97  # 80 %, and 3 standard errors of 50 runs
