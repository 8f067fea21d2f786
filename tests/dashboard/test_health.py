"""One word for how a service serves."""

from __future__ import annotations

import pytest

from tidegate.dashboard.health import Health, health
from tidegate.shapes.traffic import CurrentTraffic


def now(error_rate):
    return CurrentTraffic(
        service="bot",
        seconds=60,
        requests_per_second=1.0,
        error_rate=error_rate,
        ttft_p95_seconds=None,
        latency_p95_seconds=None,
        cost_usd_per_hour=None,
        tokens_per_second=0.0,
        versions={},
        recent=(),
        recent_seconds=10,
    )


@pytest.mark.parametrize(
    ("error_rate", "word"),
    [(0.0, "healthy"), (0.0099, "healthy"), (0.01, "some errors"), (0.1, "failing"), (1.0, "failing"), (None, "quiet")],
)
def test_the_share_that_failed_says_how_well_a_service_serves(error_rate, word):
    assert health(now(error_rate)) == word


def test_a_service_that_nobody_asked_is_not_called_healthy():
    assert health(None) is Health.QUIET
