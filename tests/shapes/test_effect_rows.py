"""Results as rows: what an interleaving's votes came to has one, too."""

from datetime import UTC, datetime

import pytest

from tidegate.shapes.effect_rows import effect_rows
from tidegate.shapes.experiments import Preferences, Results

BEGAN = datetime(2026, 9, 15, tzinfo=UTC)


def results(**votes: object) -> Results:
    plain = {
        "question": "feedback:preference",
        "mode": "side_by_side",
        "variant": "candidate",
        "wins": 60,
        "ties": 20,
        "losses": 20,
        "votes": 100,
        "repeated": 3,
        "pairs": 130,
        "void": 2,
        "win_rate": 0.7,
        "lower": 0.58,
        "upper": 0.8,
        "e_value": 400.0,
        "p_value": 0.0025,
        "first_share": 0.55,
        "first_lower": 0.4,
        "first_upper": 0.7,
        "standing": "better",
        "sentence": "70 % of votes prefer it.",
    }
    return Results(
        release="rel_1",
        service="bot",
        strategy="interleave",
        attempt=1,
        phase="progressing",
        unit="conversation",
        audience=None,
        alpha=0.05,
        shared_alpha=0.05,
        mode="promote_winner",
        is_sequential=True,
        began_at=BEGAN,
        horizon_seconds=60.0,
        ends_at=None,
        ended_at=None,
        is_void=False,
        outcome="",
        winner=None,
        headline="",
        sentences=(),
        arms=(),
        effects=(),
        guardrails=(),
        bounds=(),
        thresholds=(),
        interventions=(),
        preferences=Preferences(**plain | votes),
    )


def test_a_win_rate_is_an_effect_against_one_half():
    (row,) = effect_rows(results())
    assert (row.metric, row.variant, row.release, row.segment) == ("win_rate", "candidate", "rel_1", "")
    assert (row.estimate, row.effect) == (0.7, pytest.approx(0.2))
    assert (row.lower, row.upper) == (pytest.approx(0.08), pytest.approx(0.3))
    assert (row.samples, row.standing, row.e_value) == (100, "better", 400.0)


def test_without_votes_nothing_is_known_of_it():
    (row,) = effect_rows(results(wins=0, ties=0, losses=0, votes=0, win_rate=None, lower=0.0, upper=1.0))
    assert (row.estimate, row.effect, row.lower, row.upper) == (None, None, None, None)
