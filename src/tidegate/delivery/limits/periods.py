"""Days and months of UTC, which budgets are for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class Period(NamedTuple):
    """A day (``2026-11-27``) or a month (``2026-11``) of UTC, and the microsecond it ends at."""

    name: str
    ends_at_us: int


def day_of(at_us: int) -> Period:
    """The day of an instant, in microseconds since the Unix epoch."""
    start = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(hour=0, minute=0, second=0)
    return Period(f"{start:%Y-%m-%d}", int((start + timedelta(days=1)).timestamp()) * 1_000_000)


def month_of(at_us: int) -> Period:
    """The month of an instant, in microseconds since the Unix epoch."""
    start = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(day=1, hour=0, minute=0, second=0)
    following = (start + timedelta(days=32)).replace(day=1)
    return Period(f"{start:%Y-%m}", int(following.timestamp()) * 1_000_000)
