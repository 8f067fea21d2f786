"""Counting, changes over time and rate limits, with the time as an argument."""

from tidegate.simulator.document import scenario_from
from tidegate.simulator.roster import Roster


def roster(**behaviour):
    return Roster(scenario_from({"models": {"*": behaviour}}), now=100.0)


def test_every_model_counts_for_itself():
    it = roster()
    assert [it.turn(name, 100).ordinal for name in ("a", "b", "a")] == [1, 1, 2]


def test_a_model_nothing_fits_has_no_turn():
    assert Roster(scenario_from({"models": {"a": {}}}), 0).turn("b", 0) is None


def test_a_change_needs_both_its_requests_and_its_time():
    it = roster(answer="good", later=[{"after_requests": 1, "after_seconds": 10, "set": {"answer": "bad"}}])
    answers = [it.turn("m", at).behaviour.answer for at in (111, 105, 109, 110)]
    assert answers == ["good", "good", "good", "bad"]


def test_a_patch_starts_the_counts_of_its_model_anew():
    it = roster()
    for name in ("a", "b", "a"):
        it.turn(name, 100)
    patched = scenario_from({"models": {"x": {"answer": "new"}}}).models["x"]
    it.replace("a", patched, 200)
    assert (it.turn("a", 205).ordinal, it.turn("b", 205).ordinal) == (1, 2)
    assert it.turn("a", 205).elapsed_seconds == 5
    assert it.turn("a", 205).behaviour is patched


def test_a_patched_glob_keeps_its_place_and_a_new_name_goes_first():
    it = Roster(scenario_from({"models": {"gpt-*": {"answer": "gpt"}, "*": {"answer": "any"}}}), now=0)
    new = scenario_from({"models": {"x": {"answer": "new"}}}).models["x"]
    it.replace("*", new, 1)
    assert [it.turn(name, 2).behaviour.answer for name in ("gpt-1", "other")] == ["gpt", "new"]
    it.replace("gpt-1*", new, 3)
    assert [it.turn(name, 4).behaviour.answer for name in ("gpt-1", "gpt-2")] == ["new", "gpt"]


def test_a_bucket_refills_at_its_rate_and_never_over_its_burst():
    it = roster(rate_limit={"requests_per_second": 2, "burst": 2})
    waits = [it.turn("m", at).retry_after_seconds for at in (100, 100, 100, 100.5, 100.5, 200, 200, 200)]
    assert waits == [None, None, 0.5, None, 0.5, None, None, 0.5]
