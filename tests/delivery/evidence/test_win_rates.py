"""Votes on pairs against bounds on the win rate."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.evidence.pair_analysis import can_decide, judge_pairs
from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.delivery.evidence.votes import Vote, Votes, merged
from tidegate.delivery.evidence.win_rates import MINIMUM_VOTES
from tidegate.delivery.quantities import Change, Comparison
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.verdict import Verdict

JUDGED = "judge:kind"
MARGIN = GuardrailSpec(metric=JUDGED, stat="win_rate", max_decrease=Change(0.05))
LIMIT = GuardrailSpec(metric=JUDGED, stat="win_rate", hard=Comparison("< 0.3"))

votes = st.builds(Votes, *(st.integers(0, 99) for _ in range(6)))


def judge(guardrail: GuardrailSpec, cast: Votes | None):
    counts = None if cast is None else PairCounts(votes={JUDGED: cast})
    window = counts or PairCounts()
    return judge_pairs([guardrail], counts, window, alpha=0.05, least=200, pass_alpha=0.05)[-1]


@pytest.mark.parametrize(
    ("guardrail", "cast", "verdict", "code"),
    [
        (MARGIN, Votes(wins=700, losses=300), Verdict.PASS, "surely_liked_enough"),
        (MARGIN, Votes(wins=50, ties=900, losses=50), Verdict.PASS, "surely_liked_enough"),  # ties say: alike
        (MARGIN, Votes(wins=30, losses=170), Verdict.FAIL, "surely_disliked"),
        (MARGIN, Votes(wins=50, losses=50), Verdict.INCONCLUSIVE, "votes_undecided"),
        (MARGIN, Votes(wins=MINIMUM_VOTES - 1), Verdict.NO_DATA, "too_few_votes"),
        (MARGIN, None, Verdict.NO_DATA, "counts_unavailable"),
        (LIMIT, Votes(wins=20, losses=180), Verdict.FAIL, "surely_disliked"),
        (LIMIT, Votes(wins=50, losses=50), Verdict.PASS, "not_surely_disliked"),
        (LIMIT, Votes(), Verdict.NO_DATA, "too_few_votes"),
        (LIMIT, None, Verdict.NO_DATA, "counts_unavailable"),
    ],
)
def test_a_win_rate_is_held_against_its_bound(guardrail, cast, verdict, code):
    found = judge(guardrail, cast)
    assert (found.verdict, found.code, found.metric) == (verdict, code, "judge:kind.win_rate")
    assert found.sentence
    if found.samples:
        assert found.lower <= found.estimate <= found.upper


def test_a_limit_is_watched_before_the_window_opens_and_a_margin_is_not():
    total, window = PairCounts(votes={JUDGED: Votes(losses=200)}), PairCounts()
    limit, margin = judge_pairs([LIMIT, MARGIN], total, window, alpha=0.05, least=1, pass_alpha=0.05)
    assert (limit.verdict, margin.verdict) == (Verdict.FAIL, Verdict.NO_DATA)


def test_only_a_win_rate_of_judges_is_decided_by_pairs():
    assert can_decide(MARGIN)
    assert not can_decide(GuardrailSpec(metric=JUDGED, max_decrease=Change(0.05)))


@given(votes, votes)
def test_votes_add_up_and_can_be_taken_back(one, other):
    assert one + other == other + one
    assert (one + other).without(other) == one


@given(votes)
def test_what_was_taken_back_leaves_no_trace(cast):
    assert merged({"a": cast}, {"a": Votes().without(cast)}) == {}


def test_equal_candidates_are_seldom_called_disliked_however_often_anybody_looks():
    random.seed(20)
    wrong = 0
    for _ in range(80):
        cast = Votes()
        for _ in range(15):
            drawn = [random.choices(list(Vote), (45, 10, 45))[0] for _ in range(20)]
            cast = sum(map(Votes.of, drawn), cast)
            if (
                judge(GuardrailSpec(metric=JUDGED, stat="win_rate", hard=Comparison("< 0.5")), cast).verdict
                is Verdict.FAIL
            ):
                wrong += 1
                break
    assert wrong <= 80 * 0.05 + 3 * (80 * 0.05 * 0.95) ** 0.5
