"""Days and months of UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidegate.delivery.limits.periods import day_of, month_of


def us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("when", "day", "day_end", "month", "month_end"),
    [
        ((2026, 11, 27, 8, 30), "2026-11-27", (2026, 11, 28), "2026-11", (2026, 12, 1)),
        ((2026, 12, 31, 23, 59), "2026-12-31", (2027, 1, 1), "2026-12", (2027, 1, 1)),
        ((2028, 2, 29), "2028-02-29", (2028, 3, 1), "2028-02", (2028, 3, 1)),
    ],
)
def test_periods_are_days_and_months_of_utc(when, day, day_end, month, month_end):
    assert day_of(us(*when)) == (day, us(*day_end))
    assert month_of(us(*when)) == (month, us(*month_end))
