"""What a release keeps of an experiment: how its rounds were weighted, who won, and whom it lost on the way."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Experiment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a step that decides, to the end of the attempt.

    Attributes:
        step: its index.
        shares: of each round, arm -> basis points with which its units went there; stable had the rest.
        round_at: when the latest round began.
        outcome: code of how it ended, "" while it goes on.
        winner: the arm that won, if one did.
    """

    step: int
    shares: tuple[dict[str, int], ...]
    round_at: datetime
    outcome: str = ""
    winner: str | None = None


class Removal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An arm that was taken out of an experiment while the others went on.

    Attributes:
        slot: its basis points then, which went to stable and nobody else.
        trigger: code, such as ``guardrail``.
        stable_at: when every gateway had acknowledged it.
    """

    slot: int
    at: datetime
    trigger: str
    sentence: str
    stable_at: datetime | None = None
