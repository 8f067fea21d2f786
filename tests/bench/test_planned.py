"""The planner's figures agree with simulation within a tenth."""

from __future__ import annotations

import pytest
from bench.statistics.planned import TOLERANCE, cases, compared


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_units_to_a_decision_are_as_reckoned(case):
    reckoned, simulated = compared(case, runs=600, seed=3)
    assert reckoned == pytest.approx(simulated, rel=TOLERANCE)
