from __future__ import annotations

import random

import pytest
from tests.fakes.observations import observation

from tidegate.controller.planning import history_of


def returning(correlation: float, users: int = 3_000, each: int = 4):
    chance, spread = random.Random(5), 1 / correlation - 1 if correlation else 0.0
    rows = []
    for user in range(users):
        level = chance.betavariate(0.2 * spread, 0.8 * spread) if correlation else 0.2
        for i in range(each):
            outcome = "timeout" if chance.random() < level else "ok"
            rows.append(
                observation(
                    request_id=f"req_{user}_{i}",
                    unit_hash=user,
                    started_at_us=user * 100 + i,
                    assigned_outcome=outcome,
                    input_tokens=10 if i else -1,
                )
            )
    chance.shuffle(rows)
    return rows


@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.5])
def test_how_alike_the_requests_of_a_unit_are_is_found(correlation):
    found = history_of(returning(correlation))
    assert found.correlation == pytest.approx(correlation, abs=0.03)
    assert (found.summary.units, found.requests) == (3_000, 12_000)


def test_a_unit_counts_by_its_first_request():
    rows = [
        observation(request_id="b", unit_hash=1, started_at_us=20, assigned_outcome="timeout"),
        observation(request_id="a", unit_hash=1, started_at_us=10),
    ]
    found = history_of(rows)
    assert (found.summary.judged, found.summary.failures, found.requests, found.input_tokens) == (1, 0, 2, 24)
    assert found.correlation is None  # two requests tell nothing of it
    assert history_of([]).summary.units == 0
