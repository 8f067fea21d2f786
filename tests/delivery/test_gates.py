import pytest
from tests.delivery.release_world import NEW, World

from tidegate.delivery.gate_spec import GateSpec, check_gate, gate_name
from tidegate.delivery.gates import GateReport, GateResult, judge_gate
from tidegate.delivery.quantities import Comparison
from tidegate.delivery.release import Phase
from tidegate.delivery.release_file import parse_release
from tidegate.errors import InvalidInputError
from tidegate.stats.verdict import Verdict

SCORED = GateSpec(command="eval", score=Comparison(">= 0.82"), min_samples=50)


@pytest.mark.parametrize(
    ("spec", "report", "verdict", "code"),
    [
        (GateSpec(command="eval"), GateReport(is_success=True, ended="it exited with 0"), "pass", "gate_passed"),
        (GateSpec(command="eval"), GateReport(is_success=False, ended="it exited with 1"), "fail", "gate_failed"),
        (SCORED, GateReport(is_success=True, ended="it exited with 0", score=0.82, samples=50), "pass", "gate_passed"),
        (SCORED, GateReport(is_success=True, ended="it exited with 0", score=0.81, samples=50), "fail", "gate_score"),
        (SCORED, GateReport(is_success=True, ended="it exited with 0"), "no_data", "gate_without_score"),
        (SCORED, GateReport(is_success=True, ended="", score=0.99, samples=49), "no_data", "gate_too_few"),
        (SCORED, GateReport(is_success=True, ended="", score=0.99), "no_data", "gate_too_few"),
        (SCORED, GateReport(is_success=False, ended="cut short", is_known=False), "no_data", "gate_unanswered"),
    ],
)
def test_what_a_gate_says_is_judged_once_and_no_data_never_passes(spec, report, verdict, code):
    found, reason, sentence = judge_gate(spec, report)
    assert (found, reason) == (Verdict(verdict), code)
    assert sentence


@pytest.mark.parametrize(
    ("gate", "sentence"),
    [
        ({}, "exactly one kind"),
        ({"command": "a", "http": "https://x"}, "exactly one kind"),
        ({"http": "ftp://x"}, "no address"),
        ({"command": "eval {verson}"}, "known are version"),
        ({"command": "eval '{\"a\": 1}'"}, "brace twice"),
        ({"command": "  "}, "empty"),
        ({"command": "a", "min_samples": -1}, "positive"),
        ({"command": "a", "score": "0.8"}, "not a comparison"),
        ({"command": "a", "actoin": "warn"}, "did you mean 'action'"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused_with_its_place(gate, sentence):
    with pytest.raises(InvalidInputError) as caught:
        parse_release({"service": "bot", "version": "v1", "gates": [{"command": "true"}, gate]})
    assert sentence in str(caught.value)
    assert "gates[1]" in str(caught.value)


def test_braces_that_are_meant_are_written_twice():
    check_gate(GateSpec(command="eval --json '{{\"a\": 1}}' {version}"))


def test_a_gate_without_a_name_has_its_number():
    assert gate_name(GateSpec(http="https://x"), 1) == "http gate 2"
    assert gate_name(GateSpec(http="https://x", name="toxicity"), 1) == "toxicity"


def world(*gates, **more):
    made = World(gates=list(gates), **more)
    return made.reach(Phase.GATING)


def answer(world, gate, verdict="pass", attempt=None):
    result = GateResult(
        gate=gate,
        version=NEW,
        attempt=attempt or world.state.attempt,
        verdict=Verdict(verdict),
        code=f"gate_{verdict}",
        sentence="the score is 0.9",
    )
    world.gate_results = (*world.gate_results, result)


def wishes(decision):
    return [type(command).__name__ for command in decision.commands if not command.is_record]


def test_gates_are_asked_one_after_the_other_and_the_probes_come_last():
    made = world({"command": "one"}, {"command": "two"})
    made.acknowledge()
    assert wishes(made.step()) == ["RunGate"]
    answer(made, 0)
    decision = made.step()
    assert [command.gate for command in decision.commands if type(command).__name__ == "RunGate"] == [1]
    made.answer_probes()
    assert made.step().state.phase is Phase.GATING  # answered probes do not replace a gate
    answer(made, 1)
    assert made.step().state.phase is Phase.PROMOTING


@pytest.mark.parametrize("verdict", ["fail", "no_data"])
def test_t3_a_blocking_gate_that_does_not_pass_rejects_and_nobody_was_served(verdict):
    made = world({"command": "one", "name": "quality"})
    answer(made, 0, verdict)
    decision = made.step()
    assert decision.state.phase is Phase.REJECTED
    assert [t.code for t in decision.transitions] == ["gate_not_passed", "gate_refused"]
    assert "quality did not let" in decision.transitions[-1].sentence


def test_a_gate_that_only_warns_is_told_and_lets_pass():
    made = world({"command": "one", "action": "warn"})
    answer(made, 0, "fail")
    made.answer_probes()
    made.acknowledge()
    decision = made.step()
    assert decision.state.phase is Phase.PROMOTING
    assert "gate_not_passed" in [t.code for t in decision.transitions]
    assert "gate_not_passed" in [command.event for command in decision.commands if hasattr(command, "event")]


def test_an_answer_that_was_committed_is_not_asked_for_again_after_a_crash():
    made = world({"command": "one"}, {"command": "two"})
    made.acknowledge()
    answer(made, 0)
    made.step()
    made.gate_results = ()  # the process that had asked is gone
    decision = made.step()
    assert [command.gate for command in decision.commands if type(command).__name__ == "RunGate"] == [1]
    assert [result.gate for result in made.state.gates] == [0]


def test_answers_of_another_attempt_count_for_nothing():
    made = world({"command": "one"})
    answer(made, 0, attempt=7)
    made.answer_probes()
    made.acknowledge()
    assert made.step().state.phase is Phase.GATING


def test_a_gates_time_is_added_to_what_gating_may_take():
    made = world({"command": "one", "timeout": "30m"}, probe={"timeout": "1m"})
    made.wait(29 * 60)
    assert made.step().state.phase is Phase.GATING
    made.wait(2 * 60)
    assert made.step().transitions[-1].code == "gate_timeout"


def test_a_retry_asks_every_gate_anew():
    made = world({"command": "one"})
    answer(made, 0, "fail")
    made.step()
    made.ask("retry")
    assert made.state.gates == ()
