"""What a decision is."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tidegate.delivery.commands import Command
from tidegate.delivery.release import Phase, ReleaseState, SubPhase


class TransitionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a release: one audit row, and one outbox row for each sink.

    Attributes:
        number: ``T1`` … ``T17``; ``P1`` paused, ``P2`` resumed, ``C1`` clock jump, ``G1`` what a gate said,
            ``N1`` noted without effect.
        code: stable reason.
        sentence: the same for people.
        actor: who asked for it, ``tidegate`` when nobody did.
        intent: id of the intent behind it.
        detail: what fills the sentence.
    """

    number: str
    at: datetime
    source: Phase
    source_sub_phase: SubPhase | None
    target: Phase
    target_sub_phase: SubPhase | None
    attempt: int
    step: int
    code: str
    sentence: str
    actor: str = "tidegate"
    reason: str = ""
    intent: int | None = None
    detail: dict[str, str] = {}


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The next state, and what must be done for it.

    Attributes:
        state: to be committed if it differs from the one given.
        commands: records first belong into the same transaction, effects after it, in this order.
        transitions: what changed; every intent given is answered by exactly one of them.
    """

    state: ReleaseState
    commands: tuple[Command, ...] = ()
    transitions: tuple[TransitionRecord, ...] = ()
