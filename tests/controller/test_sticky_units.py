"""Users who come back are alike: false alarms stay what alpha says, from the gateway's rows to the verdict."""

from __future__ import annotations

import math
import random

import pytest
from tests.fakes.observations import observation

from tidegate.controller.folding import fold, sort_rows
from tidegate.delivery.evidence.analysis import Concurrent, judge_guardrails
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.quantities import Change
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.delivery.traffic import Arms
from tidegate.stats.verdict import Verdict

NO_WORSE = (GuardrailSpec(metric="error_rate", max_increase=Change(0.0)),)
ALPHA, WEIGHT = 0.05, 3_000
RATE, CORRELATION = 0.05, 0.2  # of errors; between two requests of one user (beta-binomial)


def day(seed: int, users: int, requests: int) -> list[list[object]]:
    """Batches of rows of both arms, which are equal; each user has a rate of errors of his own."""
    generator = random.Random(seed)
    arms = Arms(f"salt-{seed}", [10_000 - WEIGHT, WEIGHT], 0)
    spread = (1 - CORRELATION) / CORRELATION
    rates = [generator.betavariate(RATE * spread, (1 - RATE) * spread) for _ in range(users)]
    rows = []
    for n in range(requests):
        user = generator.randrange(users)
        found = arms.assign(f"user-{user}")
        variant = ("stable", "candidate")[found.arm]
        is_error = generator.random() < rates[user]
        rows.append(
            observation(
                release="rel_1",
                started_at_us=n,
                variant=variant,
                served=variant,
                unit_hash=found.unit_hash,
                propensity=found.propensity,
                assigned_outcome="upstream_error" if is_error else "ok",
            )
        )
    return [rows[n : n + 100] for n in range(0, requests, 100)]


def alarms(seed: int, *, counts: str, users: int = 300, requests: int = 6_000) -> bool:
    """Whether any look at an equal candidate fails it."""
    firsts, total = {}, {"stable": Summary(), "candidate": Summary()}
    for batch in day(seed, users, requests):
        folded = fold(sort_rows(batch, lambda _: True), firsts)
        firsts |= folded.firsts
        for key, (added, removed) in folded.counts.items():
            total[key[4]] = (total[key[4]] + getattr(added, counts)).without(getattr(removed, counts))
        both = Concurrent(total["candidate"], total["stable"], WEIGHT / 10_000, {}, total["stable"])
        (verdict,) = judge_guardrails(NO_WORSE, both.candidate, both.candidate, alpha=ALPHA, least=50, concurrent=both)
        if verdict.verdict is Verdict.FAIL:
            return True
    return False


def test_equal_arms_with_sticky_users_alarm_at_most_as_often_as_alpha_says():
    runs = 40
    found = sum(alarms(seed, counts="compared") for seed in range(runs))
    assert found <= runs * ALPHA + 3 * math.sqrt(runs * ALPHA * (1 - ALPHA))


def test_counted_by_request_the_same_traffic_would_condemn_equal_candidates():
    assert sum(alarms(seed, counts="window", users=60) for seed in range(24)) >= 4


@pytest.mark.slow
def test_equal_arms_with_sticky_users_over_many_days():
    runs = 600
    found = sum(alarms(seed, counts="compared") for seed in range(1_000, 1_000 + runs))
    assert found <= runs * ALPHA + 3 * math.sqrt(runs * ALPHA * (1 - ALPHA))
