"""Canary and blue-green: what is written, what it compiles to, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.delivery.release_file import DEFAULT_COMPARISONS, parse_release
from tidegate.delivery.release_spec import decode_spec, encode_spec
from tidegate.delivery.steps import Approve, Split
from tidegate.delivery.strategy import compile_program
from tidegate.documents import parse_document
from tidegate.errors import InvalidInputError

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "releases").glob("*.yaml"))


def parsed(**document: object):
    return parse_release({"service": "bot", "version": "v1", **document})


def ramp(spec) -> list[tuple[int, float]]:
    return [(step.weight, step.soak) for step in compile_program(spec.strategy).steps]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_parses_and_survives_json(path):
    spec = parse_release(parse_document(path.read_text(), path.name))
    assert decode_spec(encode_spec(spec)) == spec
    assert compile_program(spec.strategy).planned < spec.rollback.deadline


def test_there_is_an_example_of_each_strategy():
    assert {path.stem for path in EXAMPLES} >= {
        "canary",
        "blue-green",
        "direct",
        "shadow",
        "chain",
        "ab-test",
        "bandit",
    }


@pytest.mark.parametrize("written", ["canary", {"canary": {}}, {"canary": {"preset": "careful"}}])
def test_a_canary_climbs_carefully_by_default(written):
    spec = parsed(strategy=written)
    assert ramp(spec) == [(100, 3_600), (500, 14_400), (2_500, 86_400), (5_000, 172_800)]
    program = compile_program(spec.strategy)
    assert (program.min_samples, program.on_no_data, program.needs_stable, program.judgings) == (200, "pause", True, 5)
    assert spec.guardrails == DEFAULT_COMPARISONS
    assert spec.rollback.deadline == 2 * program.planned  # the common 36 h would end it half-way


def test_the_fast_preset_and_own_promotion():
    spec = parsed(strategy={"canary": {"preset": "fast", "promote": {"bake": "7s"}}})
    assert ramp(spec) == [(500, 300), (2_500, 300), (5_000, 300)]
    assert compile_program(spec.strategy).promote.bake == 7


def test_steps_say_who_how_much_how_long_and_what_must_pass():
    steps = [
        {"split": "1%", "to": {"segment": "internal"}, "soak": "20m", "require": ["error_rate"]},
        {"split": 0.1, "soak": "1h"},
        {"approve": "manager", "timeout": "1h", "on_timeout": "pause"},
        {"split": "12.5%", "soak": "2h"},
    ]
    found = compile_program(parsed(strategy={"canary": {"steps": steps}}).strategy).steps
    assert found == (
        Split(weight=100, soak=1_200, audience="internal", require=("error_rate",)),
        Split(weight=1_000, soak=3_600),
        Approve(role="manager", timeout=3_600, on_timeout="pause"),
        Split(weight=1_250, soak=7_200),
    )


def test_a_warm_up_is_added_to_the_probes():
    spec = parsed(strategy="blue_green", probe={"requests": 2})
    assert spec.probe.requests == 22
    program = compile_program(spec.strategy)
    assert (program.steps, program.promote.bake, program.promote.keep_warm) == ((), 600, 86_400)
    assert program.needs_stable


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([{"soak": "1h"}], "steps[0]: a step splits, mirrors, or awaits an approval"),
        ([{"split": "5%", "approve": "x", "soak": "1h"}], "a step splits, mirrors, or awaits an approval"),
        ([{"split": "5%"}], "a split needs a soak"),
        ([{"split": "5%", "soak": "1h", "timeout": "1h"}], "steps[0].timeout: a split has no 'timeout'"),
        ([{"approve": "x", "soak": "1h"}], "an approval has no 'soak'"),
        ([{"split": "100%", "soak": "1h"}], "100% is no share of a split"),
        ([{"split": "0.001%", "soak": "1h"}], "is no share of a split"),
        ([{"split": "5%", "soak": "1h"}, {"split": "5%", "soak": "1h"}], "steps[1].split: a ramp only rises"),
        ([{"approve": "x"}], "a canary without any split"),
        ([{"split": "5%", "soak": "1h", "max_cost": "1 USD"}], "steps[0].max_cost: a split has no 'max_cost'"),
        ([{"approve": "x", "mirror": "5%"}], "a step splits, mirrors, or awaits an approval"),
        ([{"mirror": "5%"}], "a mirror needs a soak"),
        ([{"mirror": "5%", "soak": "1h", "to": {"segment": "x"}}], "a mirror has no 'to'"),
        ([{"mirror": "0%", "soak": "1h"}], "steps[0].mirror: 0% is no share of requests to copy"),
        ([{"mirror": "5%", "soak": "1h", "max_cost": "0 USD"}], "steps[0].mirror: max_cost of 0 copies nothing"),
        ([{"split": "5%", "soak": "1h"}, {"mirror": "5%", "soak": "1h"}], "steps[1].mirror: after a split"),
        ([{"split": "5%", "soak": "1h", "require": ["latency"]}], "requires 'latency', which no guardrail watches"),
        ([{"split": "5%", "soak": "1h", "to": {"segmnt": "x"}}], "unknown key 'segmnt'"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_with_its_place(steps, sentence):
    with pytest.raises(InvalidInputError) as caught:
        parsed(strategy={"canary": {"steps": steps}})
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"rollback": {"deadline": "1h"}}, "rollback.deadline: the deadline of 3600 s ends before the steps"),
        ({"guardrails": [{"metric": "error_rate", "max_ratio": 0.5}]}, "max_ratio is at least 1"),
        ({"guardrails": [{"metric": "error_rate", "breaches": "1 of 2"}]}, "has no bound"),
        ({"guardrails": [{"metric": "error_rate", "hard": "> 5%", "breaches": "1 of 2"}]}, "there is none"),
        ({"guardrails": [{"metric": "error_rate", "rule": "candidate is bad"}]}, "'candidate is bad' is not a rule"),
        (
            {"guardrails": [{"metric": "latency", "rule": "candidate > 5s", "breaches": "3 of 2"}]},
            "'3 of 2' is not a count of breaches",
        ),
        ({"guardrails": [{"metric": "latency", "max_increase": "-5%"}]}, "'-5%' is not a change"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(part, sentence):
    with pytest.raises(InvalidInputError) as caught:
        parsed(strategy="canary", **part)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("strategy", ["direct", "blue_green"])
@pytest.mark.parametrize("bound", [{"max_increase": "5%"}, {"rule": "candidate > stable * 2"}])
def test_what_compares_is_refused_where_there_is_no_concurrent_stable(strategy, bound):
    with pytest.raises(InvalidInputError, match=f"a {strategy} release has none"):
        parsed(strategy=strategy, guardrails=[{"metric": "error_rate", **bound}])
