"""What one evaluation costs in plain Python: a controller does it for each metric at each look."""

from __future__ import annotations

import math
import random
import time
import timeit

from tidegate.stats.arm_prediction import Stratum, log_evidence_of_harm, log_evidence_of_safety, log_ratio_interval
from tidegate.stats.asymptotic import Pair, log_ratio_of_means
from tidegate.stats.comparison import Tail, difference_of_rates, log_ratio_of_quantiles
from tidegate.stats.distribution import Distribution
from tidegate.stats.paired import Differences, log_evidence_of_increase
from tidegate.stats.preference import Preferences, log_evidence_of_better, log_evidence_of_win_rate_above
from tidegate.stats.sample_ratio import log_mismatch


def speeds() -> list[str]:
    """A table of milliseconds, best of five series of 200."""
    one = [Stratum(0.05, 12, 1_000, 40, 19_000)]
    generator = random.Random(1)
    arms = [
        sum((Distribution.of(int(generator.lognormvariate(13.8, 0.6))) for _ in range(2_000)), Distribution())
        for _ in range(2)
    ]
    calls = {
        "log_evidence_of_harm": lambda: log_evidence_of_harm(one, 1.5),
        "log_evidence_of_safety": lambda: log_evidence_of_safety(one, 1.5),
        "log_ratio_interval": lambda: log_ratio_interval(one, 0.05),
        "difference_of_rates": lambda: difference_of_rates((12, 1_000), (40, 19_000), 0.05),
        "log_ratio_of_means": lambda: log_ratio_of_means([Pair(*arms)], 0.05, horizon=4_000),
        "log_ratio_of_quantiles": lambda: log_ratio_of_quantiles(*map(Tail, arms), 0.95, 0.05, horizon=4_000),
        "log_evidence_of_increase (pairs)": lambda: log_evidence_of_increase(Differences(500, 9_000, 10**7), scale=100),
        "log_evidence_of_better (preferences)": lambda: log_evidence_of_better(Preferences(60, 20, 40)),
        "log_evidence_of_win_rate_above": lambda: log_evidence_of_win_rate_above(Preferences(60, 20, 40)),
        "log_mismatch": lambda: log_mismatch((1_000, 19_000), (0.05, 0.95)),
    }
    rows = [f"| `{name}` | {_milliseconds(call):.3f} |" for name, call in calls.items()]
    return ["One evaluation in plain Python, CPU time of one core:", "", "| evaluation | ms |", "|---|---:|", *rows]


def _milliseconds(call: object) -> float:
    assert callable(call)
    return math.fsum([min(timeit.repeat(call, number=200, repeat=5, timer=time.process_time))]) / 200 * 1_000
