"""What gates say before traffic: written into the state, so that a crash asks none of them twice that has answered."""

from __future__ import annotations

from tidegate.delivery.draft import Draft
from tidegate.delivery.gate_spec import gate_name
from tidegate.delivery.gates import GateResult
from tidegate.delivery.release import Phase, ReleaseSpec, ReleaseState
from tidegate.stats.verdict import Verdict


def next_question(spec: ReleaseSpec, state: ReleaseState) -> tuple[int, str] | None:
    """(number of the gate, version to ask about) that comes next: each gate about every version on trial."""
    questions = [(number, version) for number in range(len(spec.gates)) for version in state.versions]
    return questions[len(state.gates)] if len(state.gates) < len(questions) else None


def hear_gates(draft: Draft) -> None:
    """Take note of each answer of this attempt, in the order of the questions."""
    if draft.has_moved or draft.state.phase is not Phase.GATING:
        return
    while (question := next_question(draft.spec, draft.state)) is not None:
        wanted = (draft.state.attempt, *question)
        found = next((each for each in draft.facts.gates if (each.attempt, each.gate, each.version) == wanted), None)
        if found is None:
            return
        _hear(draft, found)


def refusing_gate(draft: Draft) -> GateResult | None:
    """The first gate that blocks and did not pass."""
    gates = draft.spec.gates
    refused = (each for each in draft.state.gates if each.verdict is not Verdict.PASS)
    return next((each for each in refused if each.gate < len(gates) and gates[each.gate].action == "block"), None)


def are_gates_done(draft: Draft) -> bool:
    """Whether every gate has answered."""
    return next_question(draft.spec, draft.state) is None


def _hear(draft: Draft, result: GateResult) -> None:
    draft.change(gates=(*draft.state.gates, result))
    name = gate_name(draft.spec.gates[result.gate], result.gate)
    if result.verdict is Verdict.PASS:
        draft.note("gate_passed", gate=name, detail=result.sentence)
        return
    draft.note("gate_not_passed", gate=name, detail=result.sentence)
    draft.notify("gate_not_passed")
