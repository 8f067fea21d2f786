"""The engine: one pure decision at a time.

    decide(spec, state, intents, facts, now) -> Decision

The controller gathers facts, calls it, commits the new state with its records in one transaction, then carries
out the effects. Calling it again with the same arguments gives the same answer; calling it after a crash asks
again for every effect the state still needs. After a transition that moves traffic nothing further happens in
the same decision, because the facts speak of the routing before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tidegate.delivery.decide_backward import go_backward
from tidegate.delivery.decide_effects import effects
from tidegate.delivery.decide_epochs import keep_epoch
from tidegate.delivery.decide_evidence import remember_window, weigh_evidence
from tidegate.delivery.decide_forward import go_forward
from tidegate.delivery.decide_gates import hear_gates
from tidegate.delivery.decide_intents import answer_intents, end_on_request
from tidegate.delivery.decide_overlay import keep_overlay, shift_clock
from tidegate.delivery.decide_removal import close_removals
from tidegate.delivery.decision import Decision
from tidegate.delivery.draft import Draft
from tidegate.delivery.facts import Facts
from tidegate.delivery.intents import Intent
from tidegate.delivery.release import ReleaseSpec, ReleaseState
from tidegate.delivery.strategy import compile_program

__all__ = ["decide"]


def decide(spec: ReleaseSpec, state: ReleaseState, intents: Sequence[Intent], facts: Facts, now: datetime) -> Decision:
    """The next state of a release and what must be done for it.

    Args:
        spec: what was declared.
        state: as it was committed last.
        intents: accepted and not yet consumed, in the order of acceptance; committing the decision
            consumes all of them.
        facts: what this pass gathered.
        now: aware UTC.
    """
    draft = Draft(spec, compile_program(spec.strategy), state, facts, now)
    shift_clock(draft)  # first: every later line compares deadlines with now
    remaining = end_on_request(draft, intents)  # abort and rollback win every race
    hear_gates(draft)
    weigh_evidence(draft)
    go_backward(draft)  # a breach wins over everything else that people asked for
    answer_intents(draft, remaining)
    keep_overlay(draft)
    go_forward(draft)
    keep_epoch(draft)
    close_removals(draft)
    remember_window(draft)
    commands = (*draft.records, *effects(spec, state, draft.state, facts))
    return Decision(state=draft.state, commands=commands, transitions=tuple(draft.transitions))
