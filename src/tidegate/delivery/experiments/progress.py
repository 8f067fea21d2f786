"""What a release keeps of an experiment: how its rounds were weighted, who won, and whom it lost on the way."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tidegate.stats.distribution import Distribution


class Threshold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Control's quantile, frozen for all arms before anything was compared by it.

    Attributes:
        metric: with its statistic.
        value: in the integer unit of the quantity.
        round: in which it was frozen; earlier ones are no evidence.
        values, failures: by variant what that round had shown until then, which is none either.
    """

    metric: str
    value: float
    round: int
    values: dict[str, Distribution]
    failures: dict[str, int]


class Learning(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bandit keeps beside its shares.

    Attributes:
        epoch_at: when weights were reckoned last, changed or not; ``None`` before the first time.
        epochs: how often they were.
        began: when each round after the first one began.
        predicted: the reward that was predicted before each of those, fixed for its evidence.
    """

    epoch_at: datetime | None = None
    epochs: int = 0
    began: tuple[datetime, ...] = ()
    predicted: tuple[float, ...] = ()


class Experiment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a step that decides, to the end of the attempt.

    Attributes:
        step: its index.
        shares: of each round, arm -> basis points with which its units went there; stable had the rest.
        round_at: when the latest round began.
        outcome: code of how it ended, "" while it goes on.
        winner: the arm that won, if one did.
        thresholds: of objectives that are quantiles.
        learning: of a bandit, since its first epoch.
    """

    step: int
    shares: tuple[dict[str, int], ...]
    round_at: datetime
    outcome: str = ""
    winner: str | None = None
    thresholds: tuple[Threshold, ...] = ()
    learning: Learning | None = None


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
