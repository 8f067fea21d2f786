"""An experiment in words: what is known, how surely, and what would change it."""

from __future__ import annotations

import msgspec
import pytest
from tests.delivery.experiments.test_effects import COST, ERRORS, LIKED, P95, cost, failing, judged, latency, liked

from tidegate.delivery.experiments.telling import effect_sentence, outcome_sentence, what_would_change
from tidegate.delivery.quantities import Change


@pytest.mark.parametrize(
    ("objective", "arms", "said"),
    [
        (LIKED, (liked(720, 280), liked(600, 400)), "72 % against 60 % of control: +12 points, surely between +"),
        (COST, cost(1_100), "of control: +1"),
        (P95, latency(100_000), "surely between -"),
        (LIKED, (liked(30, 20), liked(31, 19)), "over 50 and 50 units; 100 of each are needed"),
        (ERRORS, (failing(0, 0), failing(0, 0)), "Nothing is known of it yet"),
    ],
)
def test_an_effect_is_told_in_its_unit(objective, arms, said):
    assert said in effect_sentence(objective, judged(objective, *arms), 100)


def test_bounds_that_are_not_known_are_not_sure():
    few = (liked(40, 20), liked(40, 20))
    found = msgspec.structs.replace(judged(LIKED, *few), standing="undecided")
    assert effect_sentence(LIKED, found, 100).endswith(", unbounded yet")


def test_what_would_change_it_names_units_and_the_side():
    better, worse = judged(LIKED, liked(330, 170), liked(310, 190)), judged(LIKED, liked(310, 190), liked(330, 170))
    assert what_would_change(LIKED, better).endswith("show that it is surely better.")
    assert what_would_change(LIKED, worse).endswith("show that it is surely worse.")
    assert "more units of both sides" in what_would_change(LIKED, better)
    alike = judged(LIKED, liked(400, 200), liked(400, 200))
    assert what_would_change(LIKED, alike).startswith("So small a difference")
    loose = msgspec.structs.replace(LIKED, max_decrease=Change(0.05))
    assert "within its margin" in what_would_change(loose, judged(loose, liked(400, 200), liked(400, 200)))
    assert what_would_change(LIKED, judged(LIKED, liked(900, 100), liked(600, 400))) == ""
    assert "too few units" in what_would_change(LIKED, judged(LIKED, liked(3, 2), liked(4, 1)))


def test_what_came_out_is_one_sentence():
    effects = [judged(LIKED, liked(900, 100), liked(600, 400))]
    told = {"is_void": False, "leading": "a"}
    assert (
        outcome_sentence("winner_found", "a", effects, LIKED, **told)
        == "a won: feedback:liked is 90 % against 60 % of control"
    )
    assert outcome_sentence("stable_kept", None, effects, LIKED, **told) == "Nobody won, and stable stays"
    assert outcome_sentence("", "a", effects, LIKED, **told).startswith("a is surely good enough to win: ")
    assert outcome_sentence("", None, effects, LIKED, **told).startswith("Nobody has won yet; a looks best: ")
    assert outcome_sentence("", None, effects, LIKED, is_void=True, leading="a").startswith("Nothing can be concluded")
    assert outcome_sentence("", None, [], LIKED, **told) == "Nobody can say yet: there is too little data"
