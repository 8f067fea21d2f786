"""What is believed of arms, against scipy's distributions."""

import pytest
from scipy import stats

from tidegate.stats.adaptive.posteriors import mean_posteriors, rate_posteriors


def test_rates_have_the_moments_of_beta_distributions():
    found = rate_posteriors([0, 3, 2.5], [0, 10, 4])
    for arm, (a, b) in enumerate(((1, 1), (4, 8), (3.5, 2.5))):
        known = stats.beta(a, b)
        assert (found.means[arm], found.deviations[arm]) == pytest.approx((known.mean(), known.std()))


def test_means_are_normal_with_their_standard_errors():
    assert [list(each) for each in mean_posteriors([1, 2], [0, 0.5])] == [[1, 2], [0, 0.5]]


@pytest.mark.parametrize(("won", "tried"), [([2], [1]), ([-1], [1]), ([1, 2], [3])])
def test_counts_that_cannot_be_are_refused(won, tried):
    with pytest.raises(ValueError, match="0 <= successes <= trials"):
        rate_posteriors(won, tried)


@pytest.mark.parametrize("error", [-1.0, float("nan"), float("inf")])
def test_errors_that_cannot_be_are_refused(error):
    with pytest.raises(ValueError, match="finite standard error"):
        mean_posteriors([1.0], [error])
