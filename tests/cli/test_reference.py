"""The reference page tells every command and option, and is current."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer.main
from tests.cli.running import tidegate

from tidegate.cli.app import make_app
from tidegate.cli.reference import render, walk

PAGE = Path(__file__).parents[2] / "docs/reference/cli.md"
COMMANDS = [(" ".join(path), command) for path, command in walk(typer.main.get_command(make_app()))]


def test_the_page_is_current():
    assert PAGE.read_text() == render(), "run `python -m tidegate.cli.reference docs/reference/cli.md`"


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[words for words, _ in COMMANDS])
def test_every_command_is_told_with_its_options_and_an_example(words, command):
    page = PAGE.read_text()
    start = page.index(f"### `tidegate {words}")
    section = page[start : page.index("\n##", start) if "\n##" in page[start:] else None]
    for parameter in command.params:
        names = parameter.opts if parameter.param_type_name == "option" else [parameter.metavar]
        assert all(f"`{name}`" in section for name in names)
        assert parameter.help, f"{parameter.name} of {words} says nothing of itself"
    assert f"    tidegate {words.split()[0]}" in section
    assert command.epilog.startswith("Example: tidegate ")


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[words for words, _ in COMMANDS])
def test_every_command_answers_programs_and_has_help(words, command):
    if not hasattr(command, "commands"):
        assert any("--json" in parameter.opts for parameter in command.params)
    ran = tidegate(*words.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "Example:" in ran.out


def test_the_commands_of_the_public_interface_are_there():
    wanted = [
        "up",
        "control",
        "gateway",
        "simulate",
        "apply",
        "init",
        "push",
        "versions",
        "show",
        "diff",
        "card",
        "export",
        "import",
        "verify",
        "release",
        "status",
        "history",
        "explain",
        "promote",
        "pause",
        "resume",
        "abort",
        "retry",
        "approve",
        "reject",
        "rollback",
        "freeze",
        "unfreeze",
        "wait",
        "incidents",
        "audit",
        "requests",
        "why",
        "gateways",
        "keys",
        "schema",
        "version",
    ]
    names = [words for words, _ in COMMANDS]
    assert set(wanted) <= set(names)
    assert {"audit verify", "requests show", "keys list", "keys create", "keys revoke"} <= set(names)
