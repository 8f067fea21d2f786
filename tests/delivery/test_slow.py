"""Which ages are reported: those that something is judged by, and no others."""

from __future__ import annotations

import msgspec
from tests.delivery.release_world import START

from tidegate.delivery.release import Baseline, Phase, new_release
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.slow import slow_after
from tidegate.stats.distribution import bucket, lower_edge

GUARDRAILS = [
    {"metric": "latency", "max_increase": "20%", "hard": "> 30s"},
    {"metric": "ttft", "stat": "p50", "max_increase": "10%"},
    {"metric": "tpot", "max_increase": "10%"},
    {"metric": "error_rate", "hard": "> 5%"},
]


def spec_of(*guardrails: dict):
    document = {"service": "bot", "version": "v1", "strategy": "canary", "guardrails": list(guardrails)}
    return parse_release(document)


def state_of(**fields):
    made = new_release(release_id="rel_1", service="bot", candidate="b", stable="a", now=START)
    return msgspec.structs.replace(made, phase=Phase.PROGRESSING, step=1, **fields)


def test_hard_limits_hold_for_all_and_frozen_thresholds_with_their_tolerance_for_the_candidate():
    baselines = (Baseline(metric="latency.p95", value=2e6), Baseline(metric="tpot.p95", value=5e4))
    found = slow_after(spec_of(*GUARDRAILS), state_of(baselines=baselines))
    assert found is not None
    assert (found.release, found.attempt, found.step) == ("rel_1", 1, 1)
    assert found.latency_us == {"stable": (2_060_000, 30_900_000), "candidate": (2_472_000, 30_900_000)}
    assert found.ttft_us == {}


def test_an_age_that_is_reported_lies_surely_above_its_threshold():
    for value in (2**20, 2**20 + 1, 999_999, 3_164_947.2):
        found = slow_after(spec_of(GUARDRAILS[1]), state_of(baselines=(Baseline(metric="ttft.p50", value=value),)))
        assert found is not None
        (age,) = found.ttft_us["stable"]
        assert lower_edge(bucket(age)) >= value


def test_nothing_is_reported_without_thresholds_or_after_the_end():
    assert slow_after(spec_of(GUARDRAILS[1], GUARDRAILS[3]), state_of()) is None
    ended = msgspec.structs.replace(state_of(), phase=Phase.ROLLING_BACK)
    assert slow_after(spec_of(*GUARDRAILS), ended) is None
