"""How well a service serves its users now, as one word."""

from __future__ import annotations

from enum import StrEnum

from tidegate.shapes.traffic import CurrentTraffic

SOME, MANY = 0.01, 0.10  # of the requests that count


class Health(StrEnum):
    """Of the last minute."""

    HEALTHY = "healthy"
    SOME_ERRORS = "some errors"
    FAILING = "failing"
    QUIET = "quiet"


def health(now: CurrentTraffic | None) -> Health:
    """By the share of its users' requests that failed; without any nobody knows, and that is no good news."""
    if now is None or now.error_rate is None:
        return Health.QUIET
    if now.error_rate >= MANY:
        return Health.FAILING
    return Health.SOME_ERRORS if now.error_rate >= SOME else Health.HEALTHY
