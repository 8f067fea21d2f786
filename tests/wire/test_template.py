"""Prompts with variables."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tidegate.errors import OperatorError
from tidegate.wire import MalformedBodyError
from tidegate.wire.template import PromptTemplate


def test_values_of_any_json_type_are_usable():
    template = PromptTemplate("{% for item in items %}{{ item.name }};{% endfor %}", {"items": None})
    assert template.render({"items": [{"name": "a<b"}, {"name": "c"}]}) == "a<b;c;"


def test_null_and_absence_take_the_default():
    template = PromptTemplate("{{ tone }}", {"tone": "calm"})
    assert [template.render(given) for given in (None, {}, {"tone": None}, {"tone": "wry"})] == [
        "calm",
        "calm",
        "calm",
        "wry",
    ]


def test_a_template_that_does_not_compile_is_the_operator_s_to_mend():
    with pytest.raises(OperatorError, match="template"):
        PromptTemplate("{% if %}", {})


def test_a_variable_the_version_does_not_declare_is_undefined_and_never_empty():
    template = PromptTemplate("{{ other }}", {"name": "x"})
    with pytest.raises(MalformedBodyError, match="rendered"):
        template.render({"other": "smuggled"})


def test_a_template_runs_out_of_fuel_instead_of_stalling_the_gateway():
    template = PromptTemplate(
        "{% for a in items %}{% for b in items %}{{ a }}{% endfor %}{% endfor %}", {"items": None}
    )
    with pytest.raises(MalformedBodyError, match="fuel"):
        template.render({"items": list(range(5_000))})


def test_values_are_data_not_templates():
    assert PromptTemplate("{{ name }}", {"name": None}).render({"name": "{{ 1 + 1 }}"}) == "{{ 1 + 1 }}"


def test_the_engine_is_loaded_only_by_versions_with_variables():
    code = "import sys, tidegate.wire.exchange; assert 'minijinja' not in sys.modules, 'loaded'"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "src"})
