"""Preferences between the two answers of a pair, added up: integers only, so ``+`` is the whole merge.

A conversation has one vote, the first that comes of it; what it says later of other pairs is counted apart, because
votes of one person are alike and would make chance look like evidence.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tidegate.stats.preference import Preferences

WIN_RATE = "win_rate"
"""The metric: the part of the pairs whose answer of the candidate is preferred, a tie as half of one."""


class Vote(StrEnum):
    """What one pair came to, from the candidate's view."""

    WIN = "win"
    TIE = "tie"
    LOSS = "loss"


class Votes(msgspec.Struct, frozen=True, omit_defaults=True):
    """Additive counts of one question.

    Attributes:
        wins, ties, losses: of the candidate, one for each conversation.
        first, second: how often the answer in this place was preferred: shown first or second to a person, or to a
            judge in either of its two questions.
        repeated: votes of conversations that had one already; nothing is decided by them.
    """

    wins: int = 0
    ties: int = 0
    losses: int = 0
    first: int = 0
    second: int = 0
    repeated: int = 0

    @classmethod
    def of(cls, vote: Vote, *, first: int = 0, second: int = 0) -> Votes:
        """One vote, and the places that were preferred."""
        return cls(int(vote is Vote.WIN), int(vote is Vote.TIE), int(vote is Vote.LOSS), first, second)

    def __add__(self, other: Votes) -> Votes:
        return Votes(
            self.wins + other.wins,
            self.ties + other.ties,
            self.losses + other.losses,
            self.first + other.first,
            self.second + other.second,
            self.repeated + other.repeated,
        )

    def without(self, part: Votes) -> Votes:
        """What is left when ``part`` is taken out again."""
        return self + Votes(-part.wins, -part.ties, -part.losses, -part.first, -part.second, -part.repeated)

    @property
    def count(self) -> int:
        """Conversations that voted."""
        return self.wins + self.ties + self.losses

    @property
    def preferences(self) -> Preferences:
        """For :mod:`tidegate.stats.preference`."""
        return Preferences(self.wins, self.ties, self.losses)

    @property
    def first_share(self) -> float | None:
        """How often the first place was preferred where one was; one half without a taste for it, ``None`` without
        any."""
        placed = self.first + self.second
        return self.first / placed if placed else None


def merged(one: dict[str, Votes], other: dict[str, Votes]) -> dict[str, Votes]:
    """Both by question, without what adds up to nothing, so that equal counts are equal."""
    if not other:
        return one
    sums = one | {name: one.get(name, _NONE) + votes for name, votes in other.items()}
    return {name: votes for name, votes in sums.items() if votes != _NONE}


_NONE = Votes()
