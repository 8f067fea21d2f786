from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import normal_sample_size_one_tail, zt_ind_solve_power
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from tidegate.stats.planning.sample_size import (
    design_effect,
    detectable_mean,
    detectable_proportion,
    for_means,
    for_proportions,
    for_quantile,
    information,
    intraclass_correlation,
    log_deviation_at,
    quantile_factor,
)


@pytest.mark.parametrize(("share", "units"), [(0.5, 5_957), (0.05, 31_352), (0.01, 150_427)])
def test_worked_values_of_a_p95_that_rises_by_a_tenth(share, units):
    """Log-normal sigma 0.7, power 80 %, one-sided 5 %."""
    assert round(for_quantile(0.7, 0.95, 0.1, share, alpha=0.05, power=0.8)) == units


def test_means_are_statsmodels():
    theirs = 2 * zt_ind_solve_power(effect_size=0.2, alpha=0.05, power=0.8, alternative="two-sided")
    ours = for_means(1.0, 0.2, alpha=0.05, power=0.8, is_two_sided=True)
    assert ours == pytest.approx(theirs, rel=1e-4)
    one_sided = 2 * normal_sample_size_one_tail(0.2, 0.9, 0.05, std_null=math.sqrt(2))
    assert for_means(1.0, 0.2, alpha=0.05, power=0.9) == pytest.approx(one_sided)


def test_proportions_are_statsmodels():
    theirs = samplesize_proportions_2indep_onetail(0.02, 0.02, 0.8, ratio=1, alpha=0.05, value=0, alternative="larger")
    assert for_proportions(0.02, 0.04, alpha=0.05, power=0.8) == pytest.approx(2 * theirs)
    with pytest.raises(ValueError, match="equal"):
        for_proportions(0.1, 0.1, alpha=0.05, power=0.8)


def test_published_factors_of_quantiles():
    assert [round(quantile_factor(q), 4) for q in (0.5, 0.9, 0.95, 0.99)] == [1.2533, 1.7094, 2.1132, 3.7332]


@given(st.floats(0.01, 0.5), st.floats(10, 1e7))
def test_what_is_detectable_takes_as_many_units(share, units):
    change = detectable_mean(3.0, units, share, alpha=0.05, power=0.8)
    assert for_means(3.0, change, share, alpha=0.05, power=0.8) == pytest.approx(units)
    rate = detectable_proportion(0.02, units, share, alpha=0.05, power=0.8)
    if math.isfinite(rate):
        assert for_proportions(0.02, rate, share, alpha=0.05, power=0.8) == pytest.approx(units, rel=1e-3)


def test_a_small_share_costs_traffic():
    half = information([(1.0, 0.5)])
    assert half / information([(1.0, 0.05)]) == pytest.approx(5.263, abs=1e-3)
    assert half / information([(1.0, 0.01)]) == pytest.approx(25.25, abs=1e-2)
    assert information([(100, 0.01), (200, 0.5)]) == pytest.approx(0.99 + 50)


def test_requests_of_one_unit_count_for_less():
    assert design_effect(5, 0.2) == pytest.approx(1.8)
    assert intraclass_correlation(1, 4) == 0.2
    assert intraclass_correlation(0, 0) == 0


def test_a_density_stands_for_the_sigma_it_comes_from():
    z = 1.6448536269514722
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / 0.7
    assert log_deviation_at(0.95, density) == pytest.approx(0.7)


def test_nothing_is_detected_without_units_or_power_out_of_range():
    assert detectable_mean(1.0, 0, alpha=0.05, power=0.8) == math.inf
    assert detectable_proportion(0.5, 2, alpha=0.05, power=0.8) == math.inf
    with pytest.raises(ValueError, match="between"):
        for_means(1.0, 1.0, alpha=0.05, power=1.0)
