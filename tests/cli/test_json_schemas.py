"""The schemas admit what the decoders admit, and refuse what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from tests.cli.running import tidegate

from tidegate.cli.json_schemas import SCHEMAS
from tidegate.cli.starter import PRESETS, Wishes, starter_files
from tidegate.config import parse_settings
from tidegate.controller.declared import read_declared as check_declared
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.strategy import STRATEGIES
from tidegate.documents import parse_document
from tidegate.errors import InvalidInputError
from tidegate.registry.bundle_reader import read_inline

WHOLE = """
listen: {gateway: "127.0.0.1:7400"}
providers:
  local: {dialect: openai, base_url: "http://127.0.0.1:8000/v1", prices: {"*": {input: 0.10, output: "0.40"}}}
keys:
  - {name: ci, key: "long enough", roles: [operator]}
services:
  support-bot:
    stable: {model: "local/m", prompt: {system: "Hi", few_shot: [{role: user, content: "Q"}]}, generation: {temperature: 0.2}}
    fallbacks: ["local/n"]
    timeouts: {connect: 2s, first_token: 10, total: 1h30m}
    segments: {internal: {header: {x-team: "acme-*"}}}
workers: 2
"""
RELEASE = """
kind: Release
service: support-bot
version: v1.4.0
strategy: {direct: {promote: {bake: 30s}}}
probe: {requests: 5, smoke: [{messages: [{role: user, content: ping}], expect: {contains: pong, max_latency: 2s}}]}
guardrails:
  - {metric: error_rate, hard: "> 5%"}
  - {metric: ttft, stat: p95, hard: "> 2500ms", dry_run: true}
analysis: {interval: 10s, min_samples: 20, on_no_data: pause}
rollback: {deadline: 36h}
when_running: supersede
"""


def is_valid(kind: str, value: object) -> bool:
    schema = SCHEMAS[kind]()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def config(value):
    text = yaml.safe_dump(value)
    parse_settings(text, source="t", environ={}, folder=Path())
    check_declared([parse_document(text, "t")])


GUARDRAILS = [
    {"metric": "latency", "stat": "p95", "rule": "candidate > stable * 1.2", "breaches": "2 of 3"},
    {"metric": "schema_valid_rate", "max_decrease": "2%", "hard": "< 90%"},
    {"metric": "feedback:thumbs_up", "max_decrease": 0.02},
    {"metric": "gpu_util", "source": {"prometheus": "avg(gpu)"}, "hard": "> 95", "dry_run": True},
    {"metric": "error_rate", "source": "gateway", "max_ratio": 1.5},
]

DECODERS = {"config": config, "bundle": read_inline, "release": parse_release}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("config", {}),
        ("config", yaml.safe_load(WHOLE)),
        ("release", yaml.safe_load(RELEASE)),
        ("release", {"service": "a", "version": "v1.0.0"}),
        ("bundle", {"model": "local/m"}),
        ("bundle", yaml.safe_load(WHOLE)["services"]["support-bot"]["stable"]),
        *(("release", {"service": "a", "version": "v1.0.0", "strategy": name}) for name in STRATEGIES),
        ("release", {"service": "a", "version": "v1.0.0", "strategy": "canary", "guardrails": GUARDRAILS}),
        ("release", {"service": "a", "version": "v1.0.0", "strategy": "canary", "objectives": GUARDRAILS}),
    ],
)
def test_what_decodes_is_valid(kind, value):
    DECODERS[kind](value)
    assert is_valid(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("config", {"listn": {}}),
        ("config", {"services": {"a": {"timeouts": {"connect": "soon"}}}}),
        ("config", {"services": {"a": {"stable": {"prompt": {}}}}}),
        ("config", {"providers": {"a": {"dialect": "french", "base_url": "http://x"}}}),
        ("bundle", {"prompt": {"system": "Hi"}}),
        ("bundle", {"model": "a/b", "promt": {}}),
        ("bundle", {"kind": "Release", "model": "a/b"}),
        ("release", {"service": "a"}),
        ("release", {"service": "a", "version": "v1.0.0", "strategy": "dirct"}),
        ("release", {"service": "a", "version": "v1.0.0", "strategy": {"direct": {"bake": "1s"}}}),
        ("release", {"service": "a", "version": "v1.0.0", "guardrails": [{"metric": "eror_rate", "hard": "> 5%"}]}),
        ("release", {"service": "a", "version": "v1.0.0", "guardrails": [{"metric": "error_rate", "hard": "5%"}]}),
        (
            "release",
            {"service": "a", "version": "v1.0.0", "guardrails": [{"metric": "m", "hard": "> 5", "source": "gateway"}]},
        ),
        ("release", {"service": "a", "version": "v1.0.0", "objectives": [{"metric": "feedback:", "hard": "< 5%"}]}),
    ],
)
def test_what_does_not_decode_is_not_valid(kind, value):
    with pytest.raises(InvalidInputError):
        DECODERS[kind](value)
    assert not is_valid(kind, value)


@pytest.mark.parametrize("provider", PRESETS)
def test_what_init_writes_is_valid(provider):
    files = starter_files(Wishes(provider=provider))
    assert is_valid("config", yaml.safe_load(files["tidegate.yaml"]))
    assert is_valid("bundle", yaml.safe_load(files["support-bot/bundle.yaml"]))


def test_fields_carry_the_words_of_their_structs():
    release = SCHEMAS["release"]()["$defs"]
    assert release["ReleaseSpec"]["properties"]["when_running"]["description"].startswith("what this release does")
    assert release["Promote"]["properties"]["bake"]["default"] == 30


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_command_prints_them(kind):
    assert tidegate("schema", kind).json == json.loads(json.dumps(SCHEMAS[kind]()))
    assert tidegate("schema").out == tidegate("schema", "config").out
