"""Any split of one stream over gateways and batches gives bit-identical verdicts."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.observations import observation

from tidegate.controller.folding import fold, sort_rows
from tidegate.delivery.evidence.analysis import judge_guardrails
from tidegate.delivery.evidence.baselines import freeze
from tidegate.delivery.evidence.comparisons import Concurrent
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.release_file import parse_release
from tidegate.registry.observations import Counted

GUARDRAILS = parse_release(
    {
        "kind": "Release",
        "service": "bot",
        "version": "v1.1.0",
        "strategy": "canary",
        "guardrails": [
            {"metric": "error_rate", "max_ratio": 1.2, "hard": "> 10%"},
            {"metric": "refusal_rate", "max_increase": "1%"},
            {"metric": "latency", "stat": "p95", "max_increase": "5%"},
            {"metric": "cost_per_request", "max_increase": "2%"},
        ],
    }
).guardrails


def stream(seed: int, count: int = 700):
    chance = random.Random(seed)
    rows = []
    for i in range(count):
        unit = chance.randrange(500)
        is_candidate = unit % 3 == 0
        rows.append(
            observation(
                request_id=f"req_{i}",
                started_at_us=1_000_000 * i,
                release="rel_1",
                variant="candidate" if is_candidate else "stable",
                served="candidate" if is_candidate else "stable",
                unit_hash=unit,
                propensity=3_000 if is_candidate else 7_000,
                assigned_outcome=chance.choices(["ok", "timeout", "refused"], [90, 8 if is_candidate else 3, 4])[0],
                duration_us=round(chance.lognormvariate(13, 0.7)),
                cost_nano_usd=round(chance.lognormvariate(9, 1.3)),
            )
        )
    return rows


def judged(batches) -> bytes:
    counts, firsts = {}, {}
    for batch in batches:
        folded = fold(sort_rows(batch, lambda _: True), firsts)
        for key, change in folded.counts.items():
            counts[key] = (counts.get(key, Counted()) + change.added).without(change.removed)
        firsts.update(folded.firsts)
    arms = {key[-1]: counted for key, counted in counts.items()}
    candidate, stable = arms["candidate"], arms["stable"]
    frozen = freeze(GUARDRAILS, (), stable.compared, Summary(), Summary())
    both = Concurrent(candidate.compared, stable.compared, 0.3, {each.metric: each for each in frozen}, stable.total)
    verdicts = judge_guardrails(
        GUARDRAILS, candidate.total, candidate.window, alpha=0.05, least=50, concurrent=both, pass_alpha=0.05
    )
    return msgspec.json.encode(verdicts)


@pytest.mark.parametrize("seed", range(2))
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_verdicts_are_bit_identical_however_the_stream_was_split(seed, data):
    rows = stream(seed)
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    gateways = data.draw(st.integers(1, 9))
    batches: list[list] = [[] for _ in range(gateways * data.draw(st.integers(1, 12)))]
    for row in rows:
        batches[chance.randrange(len(batches))].append(row)
    chance.shuffle(batches)
    assert judged([batch for batch in batches if batch]) == judged([rows])
