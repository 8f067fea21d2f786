from __future__ import annotations

import math
import operator
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.planning.assumed import AssumedMean, AssumedQuantity, AssumeSpec
from tidegate.delivery.planning.expectation import History, expect
from tidegate.delivery.planning.forecast import Forecast, forecast
from tidegate.delivery.quantities import Change, Share
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.errors import InvalidInputError
from tidegate.stats.distribution import Distribution, bucket
from tidegate.stats.ratio import Ratio


def observed(count=4_000, failures=80, sigma=0.6):
    values = np.rint(np.exp(np.random.default_rng(1).normal(math.log(1e6), sigma, count - failures))).astype(int)
    buckets: dict[int, int] = {}
    for value in values.tolist():
        buckets[bucket(value)] = buckets.get(bucket(value), 0) + 1
    latency = Distribution(len(values), int(values.sum()), int((values.astype(object) ** 2).sum()), buckets)
    outcomes = {"ok": count - failures, "upstream_error": failures}
    summary = Summary(requests=count, units=count, outcomes=outcomes, latency=latency)
    return History(summary=summary, requests=2 * count, input_tokens=2 * count * 40), values


def test_without_history_plain_defaults_say_what_they_are():
    found = expect(History(), AssumeSpec(), is_by_request=True)
    assert {each.source for each in found.metrics.values()} == {"default"}
    assert found.requests_per_unit == 1


def test_history_is_used_where_there_is_enough_and_what_is_assumed_overrules_it():
    history, values = observed()
    found = expect(history, AssumeSpec(rates={"refusal_rate": Share(0.2)}), is_by_request=False)
    assert found.metrics["error_rate"].rate == pytest.approx(0.02, rel=0.02)
    assert found.metrics["error_rate"].source == "history"
    assert found.metrics["refusal_rate"] == (0.2, "assumed", 1.0)
    latency = found.metrics["latency"]
    assert latency.quantile(0.95) == pytest.approx(
        np.sort(np.append(values, [10**12] * 80))[int(0.95 * 4_000)], rel=0.03
    )
    assert latency.survival(latency.quantile(0.95)) == pytest.approx(0.05, abs=0.003)
    assert latency.variation == pytest.approx(values.std() / values.mean(), rel=0.01)
    assert found.requests_per_unit == 2
    assert found.input_tokens == 40


def test_a_quantile_that_is_a_failure_has_no_threshold():
    history, _ = observed(failures=400)
    latency = expect(history, AssumeSpec(), is_by_request=True).metrics["latency"]
    assert latency.quantile(0.95) == math.inf
    assert math.isfinite(latency.quantile(0.5))


def test_the_log_normal_form_agrees_with_its_own_histogram():
    history, _ = observed(count=40_000, failures=800)
    counted = expect(history, AssumeSpec(), is_by_request=True).metrics["latency"]
    assumed = AssumeSpec(rates={"error_rate": Share(0.02)}, latency=AssumedQuantity(median=1.0, sigma=0.6))
    smooth = expect(History(), assumed, is_by_request=True).metrics["latency"]
    for q in (0.5, 0.9, 0.95):
        assert counted.quantile(q) == pytest.approx(smooth.quantile(q), rel=0.03)
    assert counted.survival(2e6) == pytest.approx(smooth.survival(2e6), abs=0.008)
    assert counted.mean == pytest.approx(smooth.mean, rel=0.02)


rates = st.lists(st.floats(0, 1e5), min_size=24, max_size=24).map(tuple)


@given(rates, st.floats(0, 86_399), st.floats(0, 400_000), st.floats(0, 400_000))
def test_requests_of_two_stretches_are_those_of_both(by_hour, start, one, other):
    found = Forecast(by_hour, "history")
    both = found.requests(start, one) + found.requests((start + one) % 86_400, other)
    assert found.requests(start, one + other) == pytest.approx(both, rel=1e-6, abs=1e-4)


@given(st.lists(st.floats(1, 1e5), min_size=24, max_size=24).map(tuple), st.floats(0, 86_399), st.floats(1, 1e6))
def test_the_time_for_requests_brings_just_these(by_hour, start, wanted):
    found = Forecast(by_hour, "history")
    assert found.requests(start, found.seconds_for(wanted, start)) == pytest.approx(wanted, rel=1e-6)


def test_traffic_by_the_hour_of_the_day_needs_three_days():
    day = {hour: 100 if hour % 24 < 12 else 10 for hour in range(96)}
    found = forecast(day, AssumeSpec())
    assert (found.by_hour[3], found.by_hour[15], found.hours) == (100, 10, 96)
    short = forecast({5: 30, 7: 30}, AssumeSpec())
    assert set(short.by_hour) == {20.0}
    assert forecast({}, AssumeSpec()).source == "none"
    assert forecast({}, AssumeSpec()).seconds_for(1, 0) == math.inf
    assert forecast(day, AssumeSpec(requests_per_hour=7)).by_hour == (7,) * 24


def opinions(yes: int, no: int, scores: tuple[float, ...] = ()) -> Summary:
    said = {"thumbs_up": Opinions(yes=yes, no=no)}
    if scores:
        said["judge:kind"] = reduce(operator.add, map(Opinions.of, scores))
    return Summary(requests=1_000, units=1_000, outcomes={"ok": 1_000}, opinions=said)


THUMBS, KIND = GuardrailSpec(metric="feedback:thumbs_up", max_decrease=Change(0.02)), GuardrailSpec(metric="judge:kind")


def test_what_users_and_judges_said_of_stable_tells_how_often_and_how_well():
    history = History(told=opinions(160, 40, (0.6, 1.0) * 60))
    found = expect(history, AssumeSpec(), is_by_request=True, named=[THUMBS, KIND]).metrics
    assert found["feedback:thumbs_up"].rate == pytest.approx(0.2, abs=0.01)  # judged is the harm: those who said no
    assert found["feedback:thumbs_up"].per_request == pytest.approx(0.2)
    assert (found["judge:kind"].mean, found["judge:kind"].per_request) == (pytest.approx(0.8), pytest.approx(0.12))
    assert found["judge:kind"].variation == pytest.approx(0.25, rel=0.02)


def test_of_what_too_few_said_nothing_is_known_until_somebody_assumes_it():
    history = History(told=opinions(20, 5))
    assert "feedback:thumbs_up" not in expect(history, AssumeSpec(), is_by_request=True, named=[THUMBS]).metrics
    assumed = AssumeSpec(
        rates={"feedback:thumbs_up": Share(0.8)},
        means={"judge:kind": AssumedMean(mean=0.8, deviation=0.2)},
        told_by={"feedback:thumbs_up": Share(0.05)},
    )
    found = expect(history, assumed, is_by_request=True, named=[THUMBS, KIND]).metrics
    assert found["feedback:thumbs_up"] == (pytest.approx(0.2), "assumed", 0.05)
    assert found["judge:kind"] == (0.8, pytest.approx(0.25), "assumed", 1.0)


def test_ratios_and_rates_of_good_answers_come_from_history_too():
    ratio = reduce(operator.add, (Ratio.of(100 + 10 * (n % 3 - 1), 2_000_000) for n in range(300)))
    summary = Summary(requests=400, units=400, outcomes={"ok": 400}, speed=ratio, formatted=200, malformed=10)
    found = expect(History(summary=summary), AssumeSpec(), is_by_request=True).metrics
    assert found["tokens_per_second"].mean == pytest.approx(50)
    assert found["tokens_per_second"].variation == pytest.approx(math.sqrt(200 / 3) / 100, rel=0.01)
    assert found["tokens_per_second"].per_request == 0.75
    assert found["schema_valid_rate"].rate == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize(
    ("assumed", "sentence"),
    [
        (AssumeSpec(rates={"eror_rate": Share(0.1)}), "assume.rates: there is no metric 'eror_rate'"),
        (AssumeSpec(told_by={"thumbs_up": Share(0.1)}), "assume.told_by: there is no metric 'thumbs_up'"),
        (AssumeSpec(means={"judge:kind": AssumedMean(mean=0, deviation=1)}), "a mean is above 0"),
    ],
)
def test_what_is_assumed_of_nothing_is_refused(assumed, sentence):
    with pytest.raises(InvalidInputError) as caught:
        expect(History(), assumed, is_by_request=True)
    assert sentence in str(caught.value)
