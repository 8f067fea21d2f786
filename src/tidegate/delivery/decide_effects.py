"""The effects a state needs. They follow from state and facts alone, so a crash loses nothing: the next pass asks
again, under the same keys, until the facts show that it is done."""

from __future__ import annotations

from typing import Any

from tidegate.delivery.commands import Command, Deploy, RunGate, RunProbe, WriteRouting
from tidegate.delivery.decide_gates import next_question
from tidegate.delivery.facts import Facts
from tidegate.delivery.release import Phase, ReleaseSpec, ReleaseState


def effects(spec: ReleaseSpec, before: ReleaseState, state: ReleaseState, facts: Facts) -> list[Command]:
    """What must be done for ``state``; the routing write stands before everything else.

    Gates come one after the other, then the probes: what warms the candidate up should stand right before traffic.

    Args:
        spec: what was declared.
        before: the state that ``facts.revision_written`` speaks of.
        state: the decided one.
        facts: of this pass.
    """
    key: dict[str, Any] = {"release": state.id, "attempt": state.attempt, "step": state.step}
    wished: list[Command] = []
    has_turned = _routed(before) != _routed(state)
    if has_turned or (state.phase.is_running and facts.revision_written is None):
        wished.append(WriteRouting(**key, service=state.service, phase=state.phase.value, weights=state.weights))
    if state.phase is not Phase.GATING:
        return wished
    if facts.candidate_ready is not True:
        wished += [Deploy(**key, version=version) for version in state.versions]
    elif has_turned or not _is_reachable(state, facts):
        return wished
    elif (question := next_question(spec, state)) is not None:
        gate, version = question
        wished.append(RunGate(**key, version=version, gate=gate))
    elif _wants_probe(state, facts):
        wished.append(RunProbe(**key, versions=state.versions or (state.candidate,)))
    return wished


def _routed(state: ReleaseState) -> tuple[object, ...]:
    """All of a state that its route depends on."""
    if state.phase in {Phase.PROGRESSING, Phase.PROMOTING, Phase.GATING, Phase.DRAINING}:
        is_draining, mirroring = state.phase is Phase.DRAINING, state.mirroring
        return is_draining, state.attempt, state.step, state.round, state.split, state.targets, mirroring
    return (None,)


def _is_reachable(state: ReleaseState, facts: Facts) -> bool:
    """Gates and probes go through a gateway, so every gateway must know the candidate first."""
    revision = facts.revision_written
    is_known = revision is not None and facts.is_acknowledged(facts.epoch, revision)
    return is_known and facts.has_gateways and not facts.is_frozen and not state.is_paused


def _wants_probe(state: ReleaseState, facts: Facts) -> bool:
    return facts.probe is None or facts.probe.attempt != state.attempt
