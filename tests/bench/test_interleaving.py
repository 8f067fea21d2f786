"""The benchmark decides when the product would, and equal versions are seldom called different."""

from __future__ import annotations

import numpy as np
import pytest
from bench.statistics import interleaving

from tidegate.delivery.evidence.votes import Vote, Votes
from tidegate.delivery.experiments.preferences import standing_of

VOTES = {1: Vote.WIN, 0: Vote.TIE, -1: Vote.LOSS}


@pytest.mark.parametrize(("seed", "better"), [(1, 0.5), (2, 0.75), (3, 0.2), (4, 0.9)])
def test_it_decides_after_as_many_conversations(seed, better):
    outcomes = interleaving.side_by_side(np.random.default_rng(seed), 150, better=better, first=0.1)
    cast, at = Votes(), None
    for number, outcome in enumerate(outcomes, 1):
        cast += Votes.of(VOTES[int(outcome)])
        if standing_of(cast, 0.05, None) in {"better", "worse"}:
            at = number
            break
    assert interleaving.decided(outcomes) == at


@pytest.mark.parametrize(
    "world",
    [
        lambda g: interleaving.side_by_side(g, 800),
        lambda g: interleaving.turns(g, 800),
        lambda g: interleaving.judged(g, 800),
        lambda g: interleaving.of_one_mind(g, 800, 10, is_once=True),
    ],
    ids=["side by side", "turns", "judged", "of one mind"],
)
def test_equal_versions_are_seldom_called_different_at_any_look(world):
    runs = 100
    wrong = sum(interleaving.decided(world(np.random.default_rng([7, run]))) is not None for run in range(runs))
    assert wrong / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_counting_each_vote_of_one_mind_would_be_wrong_nearly_always():
    wrong = [
        interleaving.decided(interleaving.of_one_mind(np.random.default_rng([8, run]), 200, 10, is_once=False))
        for run in range(40)
    ]
    assert sum(at is not None for at in wrong) > 10
