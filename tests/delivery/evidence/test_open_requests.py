"""A version whose slow requests have not ended is not quick: they count before they end."""

from __future__ import annotations

from tests.delivery.release_world import START
from tests.fakes.observations import observation

from tidegate.delivery.evidence.analysis import judge_guardrails
from tidegate.delivery.evidence.comparisons import Concurrent
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.facts import Facts, StepCounts
from tidegate.delivery.release import Baseline, new_release
from tidegate.delivery.release_file import parse_release
from tidegate.stats.verdict import Verdict

FROZEN = {"latency.p95": Baseline(metric="latency.p95", value=1_000_000)}


def judged(bound: dict, candidate: Summary):
    document = {"service": "bot", "version": "v1", "strategy": "canary", "guardrails": [{"metric": "latency", **bound}]}
    both = Concurrent(candidate, traffic(100), 0.5, FROZEN, traffic(100))
    (verdict,) = judge_guardrails(
        parse_release(document).guardrails, candidate, candidate, alpha=0.05, least=20, concurrent=both
    )
    return verdict


def traffic(ended: int, hanging: int = 0) -> Summary:
    """Quick answers, and requests that have been under way for ten seconds."""
    quick = (Summary.of(observation(unit_hash=n)) for n in range(ended))
    slow = (Summary.of(observation(unit_hash=-n, is_open=True, duration_us=10_000_000)) for n in range(hanging))
    return sum((*quick, *slow), Summary())


def test_requests_that_hang_fail_a_comparison_before_any_of_them_has_ended():
    assert judged({"max_increase": "20%"}, traffic(60, hanging=40)).verdict is Verdict.FAIL
    assert judged({"max_increase": "20%"}, traffic(60)).verdict is not Verdict.FAIL


def test_requests_that_hang_breach_a_hard_limit():
    found = judged({"hard": "> 5s"}, traffic(60, hanging=40))
    assert (found.verdict, found.code, found.events) == (Verdict.FAIL, "breached", 40)


def test_users_whose_requests_hang_are_exposed():
    state = new_release(release_id="rel_1", service="bot", candidate="b", stable="a", now=START)
    total = traffic(60, hanging=40)
    counts = (StepCounts(attempt=1, step=0, variant="candidate", total=total, window=total),)
    assert Facts(epoch=1, stable="a", counts=counts).exposed(state) == 100
