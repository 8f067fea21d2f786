import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.delivery.judging import (
    LOSS,
    TIE,
    WIN,
    Budget,
    JudgeSpec,
    NoVerdictError,
    Preference,
    Question,
    calibrate,
    candidate_score,
    check_judge,
    position_bias,
    read_preference,
    read_score,
    request_body,
)
from tidegate.errors import InvalidInputError
from tidegate.wire.prompt_text import Turn

FIRST, SECOND, NEITHER = Preference
SPEC = JudgeSpec(service="judge", rubric="Is it kind?")


def test_agreement_of_both_orders_is_a_win_or_a_loss_and_everything_else_a_tie():
    verdicts = {(a, b): candidate_score(a, b) for a in Preference for b in Preference}
    assert verdicts[FIRST, SECOND] == WIN
    assert verdicts[SECOND, FIRST] == LOSS
    assert {score for orders, score in verdicts.items() if NEITHER in orders or len(set(orders)) == 1} == {TIE}


def test_a_judge_with_nothing_but_a_taste_for_a_place_decides_nothing():
    for taste in (FIRST, SECOND):
        assert candidate_score(taste, taste) == TIE
        assert abs(position_bias([(taste, taste)] * 9)) == 1
    assert position_bias([(FIRST, SECOND), (SECOND, FIRST)]) == 0
    assert position_bias([]) is None


@pytest.mark.parametrize(
    "text",
    ["", "good", "0.5", '{"score": "high"}', '{"score": 1.5}', '{"score": -0.1}', "{}", '{"score": null}', "[1]"],
)
def test_what_is_no_score_is_no_verdict(text):
    with pytest.raises(NoVerdictError):
        read_score(text)


@pytest.mark.parametrize("text", ["first", '{"better": "A"}', "{}", '{"better": ["first"]}'])
def test_what_is_no_preference_is_no_verdict(text):
    with pytest.raises(NoVerdictError):
        read_preference(text)


@given(st.floats(0, 1))
def test_a_score_is_read_to_the_millionth(score):
    assert abs(read_score(json.dumps({"score": score})) - score * 1e6) <= 0.5


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_in_the_texts_can_leave_its_place_in_the_question(prompt, answer):
    body = request_body(SPEC, Question((Turn("user", prompt),), (answer,)))
    system, asked = body["messages"]
    assert json.loads(asked["content"]) == {"conversation": [["user", prompt]], "answer": answer}
    assert system["content"].endswith("Rubric: Is it kind?")
    pair = json.loads(request_body(SPEC, Question((), (answer, prompt)))["messages"][1]["content"])
    assert (pair["first"], pair["second"]) == (answer, prompt)


def test_the_schema_asked_for_is_the_one_that_is_read():
    jsonschema = pytest.importorskip("jsonschema")
    for answers, good, bad in (
        (("a",), {"score": 0.5}, {"score": 2}),
        (("a", "b"), {"better": "first"}, {"better": "a"}),
    ):
        schema = request_body(SPEC, Question((), answers))["response_format"]["json_schema"]["schema"]
        jsonschema.validate(good, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


def test_kappa_is_cohens_on_his_example_and_the_correction_makes_means_meet():
    pairs = [(0.9, 1.0)] * 20 + [(0.9, 0.0)] * 5 + [(0.1, 1.0)] * 10 + [(0.1, 0.0)] * 15
    found = calibrate(pairs)
    assert (found.labels, found.agreement) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)  # 0.7 observed, 0.5 by chance
    judged = sum(score for score, _ in pairs) / 50
    assert judged + found.correction == pytest.approx(0.6)
    assert calibrate([]) is None
    assert calibrate([(1.0, 1.0)]).kappa is None


def test_agreement_by_chance_has_a_kappa_of_about_nothing():
    chance = random.Random(3)
    pairs = [(float(chance.random() < 0.7), float(chance.random() < 0.4)) for _ in range(20_000)]
    assert abs(calibrate(pairs).kappa) < 0.03


@pytest.mark.parametrize(
    ("name", "fields", "where"),
    [
        ("Helpful", {}, "judges.Helpful"),
        ("helpful", {"rubric": " "}, "judges.helpful.rubric"),
        ("helpful", {"budget": "5 EUR/day"}, "judges.helpful.budget"),
        ("helpful", {"budget": "5 USD"}, "judges.helpful.budget"),
        ("helpful", {"budget": "5 USD/week"}, "judges.helpful.budget"),
    ],
)
def test_a_judge_that_cannot_be_asked_is_refused_with_its_place(name, fields, where):
    with pytest.raises(InvalidInputError) as refused:
        check_judge(name, JudgeSpec(**({"service": "judge", "rubric": "Is it kind?"} | fields)))
    assert refused.value.where == where


def test_a_budget_is_money_a_day():
    assert Budget("5 USD/day").nano_usd == Budget("5.00 USD / day").nano_usd == 5_000_000_000
