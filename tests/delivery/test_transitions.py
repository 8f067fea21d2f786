"""The table is whole, consistent and drawable."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from tidegate.delivery.draft import Draft
from tidegate.delivery.release import Phase, SubPhase
from tidegate.delivery.transitions import NOTES, TRANSITIONS, diagram, find
from tidegate.errors import InternalError

# What every sentence may name (Draft) and what single transitions add.
ALWAYS = {"candidate", "service", "samples", "answered", "trial", "given", "actor", "reason"}
ADDED = {"variant", "cost", "tokens", "gate", "other", "failed", "detail", "revision", "soak", "failures", "since"}
NOTED = {"round", "weights", "variant", "version", "cost", "tokens", "why", "seconds", "role", "gate", "detail"}


def test_every_transition_of_the_design_is_there_and_nothing_else():
    assert {row.number for row in TRANSITIONS} == {f"T{n}" for n in range(1, 18)} | {"P2"}


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row.number}-{row.code}")
def test_every_transition_has_a_constant_code_and_a_constant_sentence(row):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row.code)
    fields = {name for _, name, _, _ in Formatter().parse(row.sentence) if name}
    assert fields <= ALWAYS | ADDED
    assert row.sentence[0].isupper() or row.sentence[0] == "{"
    assert row.sources
    assert row.targets


@pytest.mark.parametrize("code", NOTES)
def test_every_note_has_a_constant_code_and_a_constant_sentence(code):
    number, sentence = NOTES[code]
    assert number in {"P1", "P2", "C1", "G1", "A1", "A2", "N1"}
    assert {name for _, name, _, _ in Formatter().parse(sentence) if name} <= ALWAYS | NOTED
    assert sentence.endswith((".", "{reason}"))


def test_terminal_phases_are_left_by_a_retry_alone():
    leaving = [row for row in TRANSITIONS for phase, _ in row.sources if phase.is_terminal]
    assert {row.number for row in leaving} == {"T17"}


def test_an_incident_opens_only_on_the_way_back_and_never_for_a_person():
    for row in TRANSITIONS:
        if row.opens_incident:
            assert row.targets == ((Phase.ROLLING_BACK, None),)
            assert "{actor}" not in row.sentence


def test_every_serving_place_has_a_way_back_for_every_trigger():
    for phase in (Phase.PROGRESSING, Phase.PROMOTING):
        for sub in SubPhase:
            if (phase, sub) == (Phase.PROMOTING, SubPhase.WAITING):
                continue
            for code in (
                "hard_limit",
                "guardrail",
                "cut_off",
                "candidate_lost",
                "metrics_stale",
                "deadline",
                "aborted",
                "superseded",
            ):
                assert find((phase, sub), code).targets == ((Phase.ROLLING_BACK, None),)


def test_what_is_not_in_the_table_cannot_happen():
    with pytest.raises(InternalError, match=r"no transition 'promoted' leads from progressing\.judging"):
        find((Phase.PROGRESSING, SubPhase.JUDGING), "promoted")
    with pytest.raises(InternalError, match="leads from succeeded"):
        find((Phase.SUCCEEDED, None), "aborted")


def test_the_diagram_shows_each_way_once_with_its_numbers():
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert "    gating --> promoting: T2" in lines
    assert "    promoting --> rolling_back: T8, T9, T14, T16" in lines
    assert "    rolled_back --> pending: T17" in lines
    assert len(lines) == len(set(lines))


def test_a_draft_refuses_a_target_the_row_does_not_lead_to():
    from tests.delivery.release_world import World

    world = World()
    draft = Draft(world.spec, None, world.state, world.facts(), world.now)
    with pytest.raises(InternalError, match="does not lead to"):
        draft.fire("started", (Phase.PROMOTING, SubPhase.APPLYING))
