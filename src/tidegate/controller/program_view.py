"""Where a release is in its program: what was done when, what is under way, what would come when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tidegate.delivery.release import Phase, ReleaseSpec, ReleaseState
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.steps import Approve, Decide, Interleave, Split, TrafficStep
from tidegate.delivery.strategy import compile_program
from tidegate.registry.audit import AuditRow
from tidegate.shapes.traffic import ProgramStep

_ENTERS = frozenset({"T1", "T2", "T7", "T10"})  # the transitions that begin a step of the program


class _Planned(NamedTuple):
    kind: str
    title: str
    weight: int | None
    seconds: float | None


def program_steps(spec: ReleaseSpec, state: ReleaseState, events: Sequence[AuditRow]) -> tuple[ProgramStep, ...]:
    """Every step of the program in order.

    Args:
        spec: of the release.
        state: where it is.
        events: its audit rows, in order.
    """
    planned = _planned(spec)
    begun = [event.at for event in events if _begins_a_step(event, state.attempt)]
    left_at = state.breach.at if state.breach else state.ended_at
    shown, expected = [], None
    for index, step in enumerate(planned):
        began_at = begun[index] if index < len(begun) else None
        ended_at = begun[index + 1] if index + 1 < len(begun) else None
        if began_at is not None and ended_at is None:
            ended_at = left_at
        where = _state_of(state, began_at, ended_at)
        if where == "now":
            expected = _end_of(state, step, began_at)
        shown.append(_shown(step, where, began_at, ended_at, expected if where == "next" else None))
        if where == "next" and expected is not None:
            expected = None if step.seconds is None else expected + timedelta(seconds=step.seconds)
    return tuple(shown)


def _planned(spec: ReleaseSpec) -> list[_Planned]:
    program = compile_program(spec.strategy)
    promote = program.promote
    ending = [
        _Planned("promote", "Promote and bake", TOTAL_WEIGHT, float(promote.bake)),
        _Planned("drain", "Drain the old version", TOTAL_WEIGHT, float(promote.keep_warm)),
    ]
    deploy = _Planned("deploy", "Deploy and probe", 0, None)
    return [deploy, *map(_traffic_step, program.steps), *([] if program.finishes else ending)]


def _traffic_step(step: TrafficStep) -> _Planned:
    kind = str(step.__struct_config__.tag)
    if isinstance(step, Approve):
        return _Planned(kind, f"Approval by {step.role}", None, None)
    if isinstance(step, Split):
        share = f"{step.weight / 100:g} %"
        if step.audience:
            return _Planned(kind, f"{share} of {step.audience}", None, float(step.soak))
        return _Planned(kind, share, step.weight, float(step.soak))
    if isinstance(step, Decide):
        shares = ", ".join(f"{arm} {weight / 100:g} %" for arm, weight in step.weights.items())
        follows = f", then by {step.reweighting.reward}" if step.reweighting else ""
        return _Planned(
            kind, f"Decide between control and {shares}{follows}", sum(step.weights.values()), float(step.horizon)
        )
    if isinstance(step, Interleave):
        return _Planned(kind, _INTERLEAVED[step.mode], None, float(step.horizon))
    return _Planned(kind, f"Mirror {step.mirroring.share / 100:g} %", None, float(step.soak))


_INTERLEAVED = {
    "side_by_side": "Interleave side by side",
    "turn": "Interleave turns",
    "judged": "Interleave, judged",
}


def _begins_a_step(event: AuditRow, attempt: int) -> bool:
    return event.detail.get("attempt") == attempt and event.detail.get("number") in _ENTERS


def _state_of(state: ReleaseState, began_at: datetime | None, ended_at: datetime | None) -> str:
    if began_at is None:
        is_over = state.phase.is_terminal or state.phase is Phase.ROLLING_BACK
        return "skipped" if is_over else "next"
    return "now" if ended_at is None else "done"


def _end_of(state: ReleaseState, step: _Planned, began_at: datetime | None) -> datetime | None:
    """When the step under way ends if nothing holds it."""
    if state.is_paused:
        return None
    if state.soak_until is not None:
        return state.soak_until
    return None if began_at is None or step.seconds is None else began_at + timedelta(seconds=step.seconds)


def _shown(
    step: _Planned, where: str, began_at: datetime | None, ended_at: datetime | None, expected_at: datetime | None
) -> ProgramStep:
    return ProgramStep(
        kind=step.kind,
        title=step.title,
        weight=step.weight,
        seconds=step.seconds,
        state=where,
        began_at=began_at,
        ended_at=ended_at,
        expected_at=expected_at,
    )
