"""What ``apply`` sends: checked here, filled in here, and without secrets."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
import yaml

from tidegate.cli.declared_files import read_declared
from tidegate.config import Settings
from tidegate.delivery.quantities import encode_quantity
from tidegate.errors import InvalidInputError, OperatorError

CONFIGURATION = """
listen: {gateway: 127.0.0.1:1}
join_token: "${TOKEN}"
providers:
  a: {dialect: openai, base_url: "http://${HOST}/v1", api_key: "${A_KEY}"}
keys:
  - {name: ci, key: "${CI_KEY}", roles: [operator]}
services:
  bot: {stable: {model: a/m, prompt: {system: "Price: ${HOST}"}}}
"""


@pytest.fixture
def environment(here, monkeypatch):
    monkeypatch.setenv("HOST", "example.test")
    monkeypatch.setenv("CI_KEY", "a long secret")
    monkeypatch.setenv("TOKEN", "another secret")
    return here


def test_of_a_configuration_only_what_the_database_keeps_is_sent(environment):
    (environment / "t.yaml").write_text(CONFIGURATION)
    (sent,) = read_declared([environment / "t.yaml"])
    assert sent.keys() == {"providers", "keys", "services"}
    assert sent["providers"]["a"]["base_url"] == "http://example.test/v1"
    assert sent["providers"]["a"]["api_key"] == "env:A_KEY"  # resolved where a gateway runs
    assert sent["keys"] == [{"name": "ci", "roles": ["operator"], "sha256": sha256(b"a long secret").hexdigest()}]
    assert (
        sent["services"]["bot"]["stable"]["prompt"]["system"] == "Price: ${HOST}"
    )  # a version says the same everywhere
    assert "secret" not in str(sent)


def test_documents_of_a_kind_are_filled_in_the_same_way(environment):
    (environment / "t.yaml").write_text(
        "kind: Provider\nname: a\ndialect: openai\nbase_url: http://${HOST}/v1\napi_key: ${A_KEY}\n---\n"
        "kind: Bundle\nservice: bot\nmodel: a/m\nprompt: {system: '${HOST}'}\n"
    )
    provider, bundle = read_declared([environment / "t.yaml"])
    assert (provider["base_url"], provider["api_key"]) == ("http://example.test/v1", "env:A_KEY")
    assert bundle["prompt"]["system"] == "${HOST}"


def test_a_folder_stands_for_its_files_in_order(environment):
    for name in ("b.yaml", "a.yml", "c.txt"):
        (environment / name).write_text(f"kind: Service\nname: {name[0]}\n")
    assert [each["name"] for each in read_declared([environment])] == ["a", "b"]
    (environment / "empty").mkdir()
    with pytest.raises(OperatorError, match="holds no"):
        read_declared([environment / "empty"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Servce\nname: a\n", r"t\.yaml:1: kind: unknown kind 'Servce' \(did you mean 'Service'\?\)"),
        ("kind: Service\nname: a\nfallback: [x]\n", r"t\.yaml:3: fallback: unknown key 'fallback'"),
        ("kind: Service\nname: a\n---\nservices:\n  b: {unit: planet}\n", r"t\.yaml:5: services\.b\.unit"),
        ("kind: Provider\nname: a\ndialect: openai\nbase_url: '${NOWHERE}'\n", r"t\.yaml:4: .*NOWHERE is not set"),
        ("kind: Bundle\nservice: a\n", r"t\.yaml:1.*names no model"),
        ("- a\n", r"t\.yaml:1"),
    ],
)
def test_mistakes_are_told_with_their_line(environment, text, message):
    (environment / "t.yaml").write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        read_declared([environment / "t.yaml"])
    assert caught.match(message)


def test_every_section_of_a_configuration_may_stand_in_a_file_that_is_applied(environment):
    """`up` applies its own file: what concerns processes is left to them, and never refused."""
    plain = msgspec.to_builtins(Settings(), enc_hook=encode_quantity)
    (environment / "t.yaml").write_text(yaml.safe_dump({name: plain[name] for name in Settings.__struct_fields__}))
    (sent,) = read_declared([environment / "t.yaml"])
    assert sent.keys() <= {"providers", "keys", "services", "judges"}
