from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.planning.expectation import AssumedQuantity, AssumeSpec, History, expect
from tidegate.delivery.planning.forecast import Forecast, forecast
from tidegate.delivery.quantities import Share
from tidegate.stats.distribution import Distribution, bucket


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
    assert found.is_assumed
    assert found.requests_per_unit == 1


def test_history_is_used_where_there_is_enough_and_what_is_assumed_overrules_it():
    history, values = observed()
    found = expect(history, AssumeSpec(rates={"refusal_rate": Share(0.2)}), is_by_request=False)
    assert found.metrics["error_rate"].rate == pytest.approx(0.02, rel=0.02)
    assert found.metrics["error_rate"].source == "history"
    assert found.metrics["refusal_rate"] == (0.2, "assumed")
    latency = found.metrics["latency"]
    assert latency.quantile(0.95) == pytest.approx(
        np.sort(np.append(values, [10**12] * 80))[int(0.95 * 4_000)], rel=0.03
    )
    assert latency.survival(latency.quantile(0.95)) == pytest.approx(0.05, abs=0.003)
    assert latency.variation == pytest.approx(values.std() / values.mean(), rel=0.01)
    assert latency.sigma_at(0.5) == pytest.approx(0.6, rel=0.15)
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
