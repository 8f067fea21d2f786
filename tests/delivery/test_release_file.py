"""Release files: every key has its effect, every mistake its sentence."""

from __future__ import annotations

import pytest

from tidegate.delivery.release_file import DEFAULT_GUARDRAILS, parse_release
from tidegate.delivery.release_spec import decode_spec, encode_spec
from tidegate.delivery.strategy import compile_program
from tidegate.documents import parse_document
from tidegate.errors import InvalidInputError

WHOLE = """
kind: Release
service: support-bot
version: v1.4.0
strategy: {direct: {promote: {bake: 45s, keep_warm: 2h, drain: 1m}}}
assignment: {unit: user}
probe:
  requests: 3
  timeout: 5m
  smoke:
    - messages: [{role: user, content: "ping"}]
      expect: {contains: "pong", not_contains: "sorry", matches: "^p", finish_reason: stop, max_latency: 2s}
guardrails:
  - {metric: error_rate, hard: "> 2%"}
  - {metric: ttft, stat: p99, hard: "> 2500ms"}
  - {metric: cost_per_request, hard: "> 0.02 USD", dry_run: true}
  - {metric: latency, hard: ">= 4s"}
analysis: {interval: 2s, alpha: 0.01, min_samples: 20, on_no_data: pause, max_extensions: 1, then: rollback}
rollback: {deadline: 1h, max_paused: 10m, cooldown: 5m}
when_running: supersede
"""


def test_every_key_is_read():
    spec = parse_release(parse_document(WHOLE, "release.yaml"))
    promote = compile_program(spec.strategy).promote
    assert (promote.bake, promote.keep_warm, promote.drain) == (45, 7_200, 60)
    assert (spec.service, spec.version, spec.assignment.unit, spec.when_running) == (
        "support-bot",
        "v1.4.0",
        "user",
        "supersede",
    )
    assert (spec.probe.requests, spec.probe.timeout, spec.probe.smoke[0].expect.max_latency) == (3, 300, 2)
    assert [(g.metric, g.stat, g.hard.value) for g in spec.guardrails] == [
        ("error_rate", None, 0.02),
        ("ttft", "p99", 2.5),
        ("cost_per_request", "mean", 0.02),
        ("latency", "p95", 4.0),
    ]
    assert spec.guardrails[2].dry_run
    assert (spec.analysis.interval, spec.analysis.alpha, spec.analysis.min_samples) == (2, 0.01, 20)
    assert (spec.rollback.deadline, spec.rollback.max_paused, spec.rollback.cooldown) == (3_600, 600, 300)


def test_a_spec_survives_json():
    spec = parse_release(parse_document(WHOLE, "release.yaml"))
    assert decode_spec(encode_spec(spec)) == spec
    assert decode_spec(encode_spec(spec)).guardrails[0].hard.holds(0.03)


def test_little_is_enough_and_a_direct_release_is_guarded_by_default():
    spec = parse_release({"service": "bot", "version": "v1"})
    assert spec.guardrails == DEFAULT_GUARDRAILS
    assert [(str(g.metric), str(g.hard)) for g in spec.guardrails] == [("error_rate", "> 5%")]
    program = compile_program(spec.strategy)
    assert (program.steps, program.on_no_data, program.promote.bake) == ((), "promote", 30)


@pytest.mark.parametrize("written", ["direct", {"direct": None}, {"direct": {}}, ["direct"], [{"direct": {}}]])
def test_a_strategy_may_be_written_in_several_ways(written):
    assert parse_release({"service": "bot", "version": "v1", "strategy": written}).strategy[0].promote.bake == 30


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"strateg": "direct"}, "unknown key 'strateg' (did you mean 'strategy'?)"),
        ({"kind": "Bundle"}, "kind is 'Bundle', not Release"),
        (
            {"strategy": "cnary"},
            "unknown strategy 'cnary' (did you mean 'canary'? known are direct, blue_green, canary, shadow, ab_test, bandit, interleave)",
        ),
        (
            {"strategy": "zzz"},
            "unknown strategy 'zzz' (known are direct, blue_green, canary, shadow, ab_test, bandit, interleave)",
        ),
        ({"strategy": {"direct": {"promot": {}}}}, "unknown key 'promot' (did you mean 'promote'?)"),
        ({"strategy": {"direct": {"promote": {"bake": "5x"}}}}, "promote.bake: '5x' is not a duration"),
        ({"strategy": {}}, "a strategy is a name, or one name with its settings"),
        ({"strategy": ["direct", "canary"]}, "strategy[0]: direct gives everybody the candidate"),
        ({"strategy": []}, "a chain has at least one strategy"),
        ({"probe": {"requests": 0}}, "a release without any probe"),
        ({"probe": {"smoke": [{"messages": []}]}}, "a smoke request needs messages"),
        (
            {"probe": {"smoke": [{"messages": [{"role": "user", "content": "x"}], "expect": {"matches": "("}}]}},
            "'(' is no regular expression",
        ),
        (
            {"guardrails": [{"metric": "eror_rate", "hard": "> 5%"}]},
            "unknown metric 'eror_rate' (did you mean 'error_rate'?",
        ),
        (
            {"guardrails": [{"metric": "feedback:thumbs_up", "hard": "> 5%"}]},
            'a hard limit of feedback:thumbs_up names what is bad, such as "< 95%"',
        ),
        (
            {"guardrails": [{"metric": "latency", "max_increase": "5%"}]},
            "guardrails[0]: latency is compared with concurrent stable, and a direct release has none",
        ),
        (
            {"guardrails": [{"metric": "latency", "source": {}, "hard": "> 5"}]},
            "guardrails[0].source: a source is one kind with its settings",
        ),
        (
            {"guardrails": [{"metric": "gpu", "source": {"prometheus": "up"}, "max_increase": "5%"}]},
            "gpu is a number from prometheus, which no test can compare",
        ),
        (
            {"guardrails": [{"metric": "schema_valid_rate", "max_increase": "1%"}]},
            "max_increase would roll back a candidate whose schema_valid_rate is better (use max_decrease)",
        ),
        ({"guardrails": [{"metric": "feedback:", "max_decrease": "1%"}]}, "unknown metric 'feedback:'"),
        (
            {"objectives": [{"metric": "latencies", "hard": "> 1s"}]},
            "objectives[0].metric: unknown metric 'latencies' (did you mean 'latency'?",
        ),
        ({"guardrails": [{"metric": "ttft", "hard": "< 1s"}]}, "would roll back a candidate that is good"),
        ({"guardrails": [{"metric": "cache_hit_rate", "hard": "> 1%"}]}, "would roll back a candidate that is good"),
        ({"guardrails": [{"metric": "output_tokens", "hard": "< 9", "stat": "p50"}]}, "a p50 is limited from above"),
        ({"guardrails": [{"metric": "cache_hit_rate", "hard": "< 1%", "stat": "p95"}]}, "is a ratio and has no p95"),
        ({"guardrails": [{"metric": "latency", "hard": "5%"}]}, "guardrails[0].hard: '5%' is not a comparison"),
        ({"guardrails": [{"metric": "latency", "hard": "< 5s"}]}, "would roll back a candidate that is good"),
        ({"guardrails": [{"metric": "error_rate", "hard": "> 5"}]}, "can never be breached"),
        ({"guardrails": [{"metric": "error_rate", "hard": "> 5%", "stat": "p95"}]}, "is a rate and has no p95"),
        ({"guardrails": [{"metric": "latency"}]}, "guardrails[0]: the guardrail of latency has no bound"),
        ({"analysis": {"alpha": 0.7}}, "alpha is a probability above 0 and below 0.5"),
        ({"analysis": {"min_samples": -1}}, "counts cannot be negative"),
        ({"analysis": {"on_inconclusive": "promote"}}, "on_inconclusive: invalid enum value 'promote'"),
        ({"when_running": "wait"}, "when_running: invalid enum value 'wait'"),
    ],
)
def test_a_mistake_is_told_in_one_sentence_with_its_place(part, sentence):
    with pytest.raises(InvalidInputError) as caught:
        parse_release({"service": "bot", "version": "v1", **part})
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("release")


def test_a_mistake_in_a_file_names_its_line():
    text = WHOLE.replace("bake: 45s", "bake: soon")
    with pytest.raises(InvalidInputError, match=r"release\.yaml.*bake.*'soon' is not a duration"):
        parse_release(parse_document(text, "release.yaml"))
    with pytest.raises(InvalidInputError, match=r"release\.yaml:18: analysis\.alpha"):
        parse_release(parse_document(WHOLE.replace("alpha: 0.01", "alpha: 2"), "release.yaml"))
