"""Worlds of people who compare two answers, and when an interleaving decides that one version is preferred.

Outcomes are +1 where the candidate's answer is preferred, -1 where stable's is, 0 where neither.
"""

from __future__ import annotations

import numpy as np
from bench.statistics import looks
from numpy.random import Generator
from numpy.typing import NDArray

Outcomes = NDArray[np.int64]
CONVERSATIONS = 5_000


def decided(outcomes: Outcomes) -> int | None:
    """After how many conversations either version is surely preferred, each direction at half of alpha."""
    both = [looks.wins(outcomes, looks.ALPHA / 2), looks.wins(-outcomes, looks.ALPHA / 2)]
    return min((at for at in both if at is not None), default=None)


def preferred(outcomes: Outcomes) -> int | None:
    """After how many conversations the candidate is surely preferred."""
    return looks.wins(outcomes, looks.ALPHA / 2)


def side_by_side(
    generator: Generator, count: int, *, better: float = 0.5, ties: float = 0.3, first: float = 0.6
) -> Outcomes:
    """One vote of each of ``count`` conversations, the order of the answers at random.

    Args:
        better: probability that the candidate's answer is preferred by who prefers one for what it says.
        ties: part of the others who prefer none.
        first: part of the people who take whatever stands first.
    """
    is_first = generator.random(count) < 0.5
    chosen = np.where(generator.random(count) < better, 1, -1)
    chosen[generator.random(count) < ties] = 0
    by_place = generator.random(count) < first
    return np.where(by_place, np.where(is_first, 1, -1), chosen)


def of_one_mind(generator: Generator, count: int, votes: int, *, is_once: bool) -> Outcomes:
    """People who always prefer the same version, half of them each; ``votes`` of each, or only the first."""
    minds = np.where(generator.random(count) < 0.5, 1, -1)
    return minds if is_once else np.repeat(minds, votes)


def turns(generator: Generator, count: int, *, carried: float = 0.3, liked: float = 0.6) -> Outcomes:
    """Two turns of each conversation, one of each version in random order, each liked or not; the first vote of each.

    Args:
        carried: how much likelier the second turn is liked where the first was, whoever answered it.
        liked: probability that a turn is.
    """
    one = generator.random(count) < liked
    two = generator.random(count) < liked + carried * (one - liked)
    is_candidate_first = generator.random(count) < 0.5
    difference = one.astype(np.int64) - two
    return np.where(is_candidate_first, difference, -difference)


def judged(generator: Generator, count: int, *, taste: float = 0.4, right: float = 0.5) -> Outcomes:
    """A judge asked in both orders: it says what it finds better, or whatever stands first; disagreement is a tie."""
    finds = np.where(generator.random(count) < right, 1, -1)
    candidate_first = np.where(generator.random(count) < taste, 1, finds)
    candidate_second = np.where(generator.random(count) < taste, -1, finds)
    return np.where(candidate_first == candidate_second, candidate_first, 0)
