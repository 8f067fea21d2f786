"""Scenarios are read strictly, and every mistake names its place and the nearest known word."""

import json

import msgspec
import pytest

from tidegate.errors import InvalidInputError
from tidegate.simulator import load_scenario, parse_scenario
from tidegate.simulator.document import patch_behaviour, scenario_from
from tidegate.simulator.faults import Hang
from tidegate.simulator.presets import demo_scenario
from tidegate.simulator.scenario import Behaviour, Lognormal


def one_model(**behaviour):
    return {"models": {"m": behaviour}}


def test_yaml_and_json_give_the_same_scenario():
    content = one_model(answer=["a", "b"], first_token_seconds={"kind": "lognormal", "median": 0.1})
    from_json = parse_scenario(json.dumps(content))
    from_yaml = parse_scenario(
        "models:\n  m:\n    answer: [a, b]\n    first_token_seconds: {kind: lognormal, median: 0.1}\n"
    )
    assert from_json == from_yaml
    assert from_json.models["m"].first_token_seconds == Lognormal(0.1)


@pytest.mark.parametrize(
    ("content", "place", "nearest"),
    [
        ({"modles": {}}, "scenario", "models"),
        (one_model(anwser="x"), "models.m", "answer"),
        (one_model(faults=[{"kind": "rest"}]), "models.m.faults[0]", "reset"),
        (one_model(faults=[{"kind": "error"}, {"kind": "hang", "secnods": 1}]), "models.m.faults[1]", "seconds"),
        (one_model(stream={"split_byte": 1}), "models.m.stream", "split_bytes"),
        (one_model(token_seconds={"kind": "uniform", "lo": 1, "high": 2}), "models.m.token_seconds", "low"),
        (one_model(later=[{"after_request": 1}]), "models.m.later[0]", "after_requests"),
        (one_model(later=[{"set": {"anwser": "x"}}]), "models.m.later[0].set", "answer"),
        (one_model(rate_limit={"request_per_second": 1}), "models.m.rate_limit", "requests_per_second"),
    ],
)
def test_an_unknown_word_is_named_with_its_place_and_the_nearest_known_one(content, place, nearest):
    with pytest.raises(InvalidInputError) as caught:
        scenario_from(content)
    assert place in str(caught.value)
    assert f"did you mean {nearest!r}?" in str(caught.value)


@pytest.mark.parametrize(
    "behaviour",
    [
        {"answer": 5},
        {"answer": []},
        {"answer": "{{ user"},
        {"reasoning": "{{ user | nosuch }}"},
        {"first_token_seconds": -1},
        {"token_seconds": {"kind": "uniform", "low": 2, "high": 1}},
        {"tokens": {"kind": "lognormal", "median": 1, "sigma": -1}},
        {"faults": [{"kind": "error", "probability": 1.5}]},
        {"faults": [{"kind": "error", "status": 99}]},
        {"faults": [{"kind": "error", "every": 0}]},
        {"rate_limit": {"requests_per_second": 0}},
        {"later": [{"set": {"later": []}}]},
        {"usage": "sometimes"},
    ],
)
def test_unsound_values_are_refused_at_load(behaviour):
    with pytest.raises(InvalidInputError):
        scenario_from(one_model(**behaviour))


def test_what_is_neither_yaml_nor_json_is_refused():
    with pytest.raises(InvalidInputError, match="not YAML"):
        parse_scenario("models: [")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=r"missing\.yaml"):
        load_scenario(tmp_path / "missing.yaml")


def test_a_scenario_survives_the_way_through_json():
    scenario = demo_scenario(seed=7)
    assert parse_scenario(msgspec.json.encode(scenario)) == scenario


def test_an_exact_name_wins_over_globs_and_globs_in_order():
    scenario = scenario_from(
        {"models": {"gpt-*": {"answer": "glob"}, "*": {"answer": "any"}, "gpt-x": {"answer": "x"}}}
    )
    assert [scenario.find(name).answer for name in ("gpt-x", "gpt-y", "z")] == ["x", "glob", "any"]
    assert scenario_from(one_model()).find("other") is None


def test_a_patch_merges_objects_replaces_lists_and_null_restores():
    before = patch_behaviour(
        Behaviour(), {"answer": "x", "stream": {"split_bytes": 3}, "faults": [{"kind": "closed"}]}, where="m"
    )
    after = patch_behaviour(
        before, {"answer": None, "stream": {"events_per_write": 2}, "faults": [{"kind": "hang"}]}, where="m"
    )
    assert after.answer == Behaviour().answer
    assert (after.stream.split_bytes, after.stream.events_per_write) == (3, 2)
    assert after.faults == (Hang(),)
