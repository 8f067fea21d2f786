"""``init`` writes what works, and never over what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.running import tidegate

from tidegate.cli.starter import PRESETS, Wishes, starter_files
from tidegate.cli.starter_questions import ask_open
from tidegate.config import load_settings
from tidegate.registry.bundle_reader import read_bundle


@pytest.mark.parametrize("provider", PRESETS)
def test_what_it_writes_is_read_by_everything_that_reads_it(here, provider):
    ran = tidegate("init", "--service", "bot", "--provider", provider, "--model", "m-1", "--system", "Say 'hi': # no")
    assert ran.code == 0
    settings = load_settings(here / "tidegate.yaml", {})
    assert settings.providers[provider].base_url == PRESETS[provider].base_url
    content = read_bundle(here / "bot")
    assert (content.service, content.bundle.model) == ("bot", f"{provider}/m-1")
    assert content.bundle.prompt.system == "Say 'hi': # no"


def test_nothing_is_written_over_what_is_there(here):
    (here / "tidegate.yaml").write_text("mine")
    ran = tidegate("init", "--service", "bot")
    assert ran.code == 1
    assert "tidegate.yaml exists already" in ran.err
    assert [path.name for path in here.iterdir()] == ["tidegate.yaml"]
    assert tidegate("init", "--service", "bot", "--force").code == 0
    assert (here / "tidegate.yaml").read_text() != "mine"


def test_it_tells_what_it_wrote_and_where(here):
    written = tidegate("init", "-d", "new/place", "--service", "bot", "--json").json["written"]
    assert all(Path(path).is_file() for path in written)
    assert "new/place/bot/bundle.yaml" in written
    shown = tidegate("init", "-d", "other", "--service", "bot").out
    assert "cd other" in shown
    assert "tidegate push bot" in shown


def test_the_first_request_goes_where_the_written_configuration_listens(here):
    shown = tidegate("init", "--service", "bot").out
    written = load_settings(here / "tidegate.yaml", {})
    assert f"curl {written.gateway_address.url}/v1/chat/completions" in shown


@pytest.mark.parametrize(("wishes", "part"), [(("--service", "No Good"), "No Good"), (("--model", " m"), "--model")])
def test_a_wish_that_cannot_be_is_refused_before_anything_is_written(here, wishes, part):
    ran = tidegate("init", *wishes)
    assert ran.code == 2
    assert part in ran.err
    assert list(here.iterdir()) == []


def test_an_address_with_strange_letters_stays_one_value(here):
    files = starter_files(Wishes(base_url='http://h/v1#"x: y'))
    (here / "tidegate.yaml").write_text(files["tidegate.yaml"])
    assert load_settings(here / "tidegate.yaml", {}).providers["openai"].base_url == 'http://h/v1#"x: y'


def test_without_a_terminal_nothing_is_asked():
    assert ask_open(Wishes()) == Wishes()


def test_on_a_terminal_only_what_is_open_is_asked(monkeypatch):
    asked = []

    def answer(question: str, default: str, err: bool) -> str:
        asked.append(question)
        return {"Provider (openai, anthropic, local, simulator)": "local"}.get(question, default)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", answer)
    wishes = ask_open(Wishes(service="bot"))
    assert (wishes.provider, wishes.model, wishes.base_url) == ("local", "model", "http://127.0.0.1:8000/v1")
    assert not any("service" in question for question in asked)
    assert len(asked) == 4


def test_the_simulator_is_started_where_it_is_looked_for(here):
    told = tidegate("init", "--service", "bot", "--provider", "simulator", "--base-url", "http://127.0.0.1:18089/v1")
    assert "tidegate simulate --port 18089 &" in told.out
