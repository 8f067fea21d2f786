"""The attempts of one request, as its observation tells them: who was asked, from when to when, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Attempted(Protocol):
    """What an observation, or a view of one, tells of attempts."""

    @property
    def trail(self) -> Sequence[tuple[str, str, int]]:
        """Failed attempts: provider/model, outcome, end after the start in microseconds."""

    @property
    def later_attempts_us(self) -> Sequence[int]:
        """When each but the first began."""

    @property
    def own_us(self) -> int:
        """When the first began."""

    @property
    def duration_us(self) -> int:
        """When all was over."""

    @property
    def attempts(self) -> int:
        """How many."""

    @property
    def served(self) -> str:
        """The variant that answered, or ""."""

    @property
    def served_version(self) -> str:
        """Its version; of a fallback its provider/model."""

    @property
    def model(self) -> str:
        """The model that answered."""


class Attempt(NamedTuple):
    """One of them.

    Attributes:
        deployment: ``provider/model``; of the answer its model where no provider is known.
        outcome: of one that failed; "" of the one whose answer the user got.
        began_us, ended_us: after the request's start.
    """

    deployment: str
    outcome: str
    began_us: int
    ended_us: int


def attempts_of(row: Attempted) -> list[Attempt]:
    """All attempts in their order, the one that answered last; each begins no earlier than the one before it ended."""
    begins = [row.own_us, *row.later_attempts_us]
    found: list[Attempt] = []
    for number, (deployment, outcome, ended) in enumerate(row.trail):
        began = _began(begins, number, found)
        found.append(Attempt(deployment, outcome, began, max(began, ended)))
    if row.served and len(row.trail) < row.attempts:
        began = _began(begins, len(row.trail), found)
        deployment = row.served_version if row.served == "fallback" else row.model
        found.append(Attempt(deployment, "", began, max(began, row.duration_us)))
    return found


def _began(begins: Sequence[int], number: int, before: Sequence[Attempt]) -> int:
    least = before[-1].ended_us if before else 0
    return max(least, begins[number]) if number < len(begins) else least
