"""As many votes as the plan names find a preference as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from bench.statistics import interleaving

from tidegate.delivery.planning.votes import needed_votes, votes_sentence


def test_the_reckoned_votes_find_it_with_the_power_that_was_asked_for():
    for each in needed_votes(0.05, 0.8)[1:]:
        votes, runs = round(each.votes), 400
        outcomes = (np.where(np.random.default_rng([3, run]).random(votes) < each.share, 1, -1) for run in range(runs))
        found = sum(interleaving.preferred(each) is not None for each in outcomes) / runs
        assert found == pytest.approx(0.8, abs=3 * (0.8 * 0.2 / runs) ** 0.5)


def test_a_clearer_preference_takes_fewer_votes():
    votes = [each.votes for each in needed_votes(0.05, 0.8)]
    assert votes == sorted(votes, reverse=True)
    assert "55 to 45 takes about 1," in votes_sentence(0.05, 0.8)
