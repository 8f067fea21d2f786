"""What ``tidegate preview`` prints."""

from __future__ import annotations

import pytest
import typer

from tidegate.cli.commands.previewing import _pair
from tidegate.cli.views.previews import preview_lines
from tidegate.shapes.services import Preview


def preview(**settings) -> Preview:
    given = {
        "version": "bot/v1.0.0-aaaaaaaa",
        "provider": "sim",
        "dialect": "openai",
        "url": "http://127.0.0.1:1/v1/chat/completions",
        "body": {"model": "good"},
        "fallbacks": (),
    }
    return Preview(**(given | settings))


def test_it_says_who_would_get_what():
    shown = [line.plain for line in preview_lines(preview(fallbacks=("sim/a", "sim/b")))]
    assert shown == [
        "version   bot/v1.0.0-aaaaaaaa",
        "provider  sim, speaks openai",
        "address   http://127.0.0.1:1/v1/chat/completions",
        "rescue    sim/a, then sim/b",
        "",
        "{",
        '  "model": "good"',
        "}",
    ]


def test_what_the_gateway_answers_itself_goes_nowhere():
    shown = [line.plain for line in preview_lines(preview(url=None, body=None))]
    assert shown[-1] == "address   none, the gateway answers this itself"


def test_a_variable_needs_a_name_and_a_value():
    assert _pair("city=Graz=Mitte") == ("city", "Graz=Mitte")
    for text in ("city", "=Graz"):
        with pytest.raises(typer.BadParameter, match="NAME=VALUE"):
            _pair(text)
