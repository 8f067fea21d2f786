"""The engine: one pure decision at a time.

    decide(spec, state, intents, facts, now) -> Decision

The controller gathers facts, calls it, commits the new state with its records in one transaction, then carries
out the effects. Calling it again with the same arguments gives the same answer; calling it after a crash asks
again for every effect the state still needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tidegate.delivery.decision import Decision
from tidegate.delivery.facts import Facts
from tidegate.delivery.intents import Intent
from tidegate.delivery.release import ReleaseSpec, ReleaseState

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
    raise NotImplementedError
