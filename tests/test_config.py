from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.config import Address, load_settings, parse_settings
from tidegate.errors import InvalidInputError, OperatorError, TidegateError

FOLDER = Path("/srv/shop")


def settings(text: str, **environ: str):
    return parse_settings(text, source="tidegate.yaml", environ=environ, folder=FOLDER)


def refusal(text: str, **environ: str) -> str:
    with pytest.raises(TidegateError) as caught:
        settings(text, **environ)
    return str(caught.value)


def test_an_empty_file_is_a_working_installation():
    made = settings("")
    assert made.gateway_address == ("127.0.0.1", 7400)
    assert made.control_address.url == "http://127.0.0.1:7401"
    assert made.storage.database == "sqlite:////srv/shop/tidegate.db"
    assert made.storage.artifacts == "/srv/shop/artifacts"


def test_the_example_of_the_documentation_is_understood():
    made = settings(
        """
providers:
  openai: {dialect: openai, base_url: "https://api.openai.com/v1", api_key: "${OPENAI_API_KEY}"}
  local:  {dialect: openai, base_url: "http://127.0.0.1:8000/v1", prices: {"*": {input: 0.10, output: 0.40}}}
keys:
  - {name: shop-backend, key: "${SHOP_KEY}", roles: [invoke], services: [support-bot]}
services:
  support-bot:
    stable: {model: "openai/gpt-4.1-mini", prompt: {system: "Pay ${AMOUNT} at once."}, generation: {temperature: 0.2}}
    fallbacks: ["claude/claude-haiku-4-5"]
    timeouts: {connect: 2s, first_token: 10s, idle: 30s, total: 5m}
    segments: {internal: {header: {x-team: "acme-*"}}}
""",
        SHOP_KEY="0123456789abcdef",
    )
    assert made.providers["openai"].api_key == "env:OPENAI_API_KEY"
    assert made.providers["local"].prices["*"].price().output == 400_000
    assert made.keys[0].key == "0123456789abcdef"
    bot = made.services["support-bot"]
    assert bot.timeouts.total == 300
    assert bot.stable is not None
    assert bot.stable["prompt"]["system"] == "Pay ${AMOUNT} at once."
    assert not hasattr(bot.spec(), "stable")
    assert bot.spec().segments["internal"].header == {"x-team": "acme-*"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("provider: {}", "tidegate.yaml:1: provider: unknown key 'provider' (did you mean 'providers'?)"),
        ("listen:\n  gateway: nowhere", "tidegate.yaml:2: listen.gateway: 'nowhere' is not an address"),
        ("listen:\n  gateway: 1.2.3.4:99999", "is not an address"),
        ("workers: 0", "tidegate.yaml:1: workers: 0 workers are not between 1 and 256"),
        ("keys:\n- {name: a, key: short}", "tidegate.yaml:2: keys[0]: key 'a' has fewer than 8 characters"),
        ("keys:\n- {name: a, key: 12345678}", "expected `str`, got `int`"),
        ("keys:\n- {name: a, key: abcdefgh, roles: [operater]}", "did you mean 'operator'?"),
        ("keys:\n- {name: a, key: abcdefgh}\n- {name: a, key: abcdefgi}", "two keys are named 'a'"),
        ("join_token: ${NOT_SET}", "tidegate.yaml:1: join_token: environment variable NOT_SET is not set"),
        ("join_token: ${file:missing.txt}", "missing.txt cannot be read: No such file or directory"),
        ("providers: {o: {dialect: openai, base_url: u, api_key: 'Bearer ${X}'}}", "not a mixture"),
        ("providers: {o: {dialect: grpc, base_url: u}}", "providers.o.dialect: invalid enum value"),
        ("services:\n  Bad Name: {}\n", "tidegate.yaml:2: services.Bad Name: 'Bad Name' is not a service name"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(text, message):
    assert message in refusal(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:7400", ("::1", 7400)), (":80", ("0.0.0.0", 80))],
)
def test_addresses_are_read(text, address):
    assert Address.parse(text) == address


def test_an_address_knows_its_url_and_who_can_reach_it():
    assert Address("::1", 7400).url == "http://[::1]:7400"
    assert Address("0.0.0.0", 80).url == "http://127.0.0.1:80"
    assert [Address(host, 1).is_loopback for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("listen: {gateway: '0.0.0.0:7400'}", "there are no keys"),
        ("listen: {control: '0.0.0.0:7401'}", "there are no keys"),
        ("listen: {control: '0.0.0.0:7401'}\nkeys: [{name: a, key: abcdefgh}]", "no join_token"),
    ],
)
def test_an_unguarded_door_to_other_machines_is_refused(tmp_path, text, message):
    file = tmp_path / "tidegate.yaml"
    file.write_text(text)
    with pytest.raises(OperatorError, match=message):
        load_settings(file, environ={})


def test_relative_paths_start_at_the_file(tmp_path):
    file = tmp_path / "deep" / "tidegate.yaml"
    file.parent.mkdir()
    file.write_text("storage: {artifacts: 's3://bucket/x', database: 'postgresql://db/x'}")
    made = load_settings(file, environ={}).storage
    assert (made.artifacts, made.database) == ("s3://bucket/x", "postgresql://db/x")
    assert made.gateway == str(file.parent / ".tidegate")


def test_a_missing_file_that_was_asked_for_is_an_error(tmp_path):
    with pytest.raises(OperatorError, match="No such file"):
        load_settings(tmp_path / "none.yaml")


def test_limits_of_keys_are_checked_where_they_stand():
    text = "keys: [{name: a, key: secret-secret, roles: [admin], limits: {budget: %s}}]"
    assert settings(text % "50 USD/month").keys[0].key_limits.budget_per_month == 50 * 10**9
    with pytest.raises(InvalidInputError, match="'50 USD' is not a budget"):
        settings(text % "50 USD")
