"""``import tidegate.stats`` is clean, cheap and complete, and its reference page is current."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tidegate import stats
from tidegate.stats.reference import MODULES, public_members, render

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/stats.md"
OUTSIDE = {"tidegate.stats.reference"}  # writes the page


def test_every_public_name_can_be_had_and_an_unknown_one_is_an_error():
    for name in stats.__all__:
        assert getattr(stats, name).__doc__, name
    assert dir(stats) == stats.__all__
    with pytest.raises(AttributeError, match="no attribute 'z_score'"):
        _ = stats.z_score


def test_type_checkers_see_the_same_names():
    tree = ast.parse((ROOT / "src/tidegate/stats/__init__.py").read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (alias.asname or alias.name): (node.module, alias.name)
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == stats.PUBLIC


def test_what_a_controller_evaluates_needs_neither_numpy_nor_scipy():
    probe = (
        "import sys, tidegate.stats as ts; ts.log_evidence_of_harm; ts.difference_of_rates; ts.log_mismatch;"
        "ts.log_ratio_of_means; ts.win_rate_interval; ts.paired_interval; ts.Ratio;"
        "print({'numpy', 'scipy'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_the_package_is_reached_from_the_top():
    probe = (
        "import tidegate; print(tidegate.stats.rate_bounds(0, 100, alpha=0.05)[1] < 0.1, tidegate.delivery.__name__)"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "tidegate.delivery"]


def test_the_page_is_current():
    assert PAGE.read_text() == render(), "run `python -m tidegate.stats.reference > docs/reference/stats.md`"


def test_every_module_is_on_the_page():
    found = {name for _, name, is_package in pkgutil.walk_packages(stats.__path__, "tidegate.stats.") if not is_package}
    assert found - OUTSIDE == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_says_what_goes_in_and_what_comes_out(name):
    module = import_module(name)
    page = PAGE.read_text()
    assert module.__doc__
    for called, member in public_members(module):
        assert member.__doc__, called
        assert f"#### `{called}" in page
        if inspect.isfunction(member) and member.__doc__.count("\n") > 8:
            assert {"Args:", "Returns:"} & set(member.__doc__.split()), f"{called} does not tell its arguments"
