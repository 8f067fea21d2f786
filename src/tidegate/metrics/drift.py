"""``source: {drift: output_tokens}``, which ``metric: drift:output_tokens`` means: how far a version is from its first day.

The number is the population stability index (:mod:`tidegate.stats.drift`). It is told only where chance alone stays
below what people call a slight change, so that a limit is not breached for want of answers.
"""

from __future__ import annotations

from typing import Any

from tidegate.delivery.drift import BY_NAME, FIRST
from tidegate.documents import nearest_and_all
from tidegate.errors import InvalidInputError
from tidegate.metrics.source import NoValueError, Subject, Tools
from tidegate.stats.drift import SLIGHT, population_stability


class DriftSource:
    """One signal.

    Raises:
        InvalidInputError: there is no such signal.
    """

    timeout = 5.0
    tells_variants = True

    def __init__(self, settings: Any, tools: Tools) -> None:
        if not isinstance(settings, str) or settings not in BY_NAME:
            raise InvalidInputError(
                f"{settings!r} is no signal of drift",
                where="source.drift",
                remedy=nearest_and_all(str(settings), [*BY_NAME]),
            )
        self._signal = BY_NAME[settings]
        self._behaviour = tools.behaviour

    async def read(self, subject: Subject) -> float:
        """The index of the subject's version, at least 0."""
        found = await self._behaviour(subject.service, subject.version)
        if found is None:
            raise NoValueError("the version has had no request yet")
        if not found.is_first_over:
            over = found.first_from + FIRST
            raise NoValueError(f"its first day, which it is compared with, lasts until {over:%Y-%m-%d %H:%M} UTC")
        drift = population_stability(self._signal.of(found.first), self._signal.of(found.now))
        if drift.degree == "unknown" or drift.noise > SLIGHT:
            counts = f"{drift.reference_count} on its first day and {drift.current_count} lately"
            raise NoValueError(f"chance alone could bring an index of {SLIGHT} with so few answers: {counts}")
        return drift.stability
