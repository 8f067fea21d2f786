"""Every point about streams, HTTP and dialects is proven by tests that exist."""

from __future__ import annotations

import ast
from functools import cache

import pytest
from tests.faults import correctness, dialect_facts, http_safety
from tests.faults.fault_table import ROWS
from tests.faults.points import ROOT, Point

PAGES = (correctness, http_safety, dialect_facts)


@cache
def names_in(file: str) -> frozenset[str]:
    """Names of the tests in a file, those of classes with their class."""
    tree = ast.parse((ROOT / "tests" / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in tree.body if isinstance(node, functions)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, functions)}
    return frozenset(names)


@pytest.mark.parametrize("point", [point for page in PAGES for point in page.POINTS], ids=lambda point: point.title)
def test_what_is_said_to_prove_a_point_exists(point: Point):
    assert point.tests
    for test in point.tests:
        file, _, name = test.partition("::")
        assert name in names_in(file), test
    assert set(point.faults) <= {row.fault for row in ROWS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.PAGE.stem)
def test_the_page_is_current(page):
    assert page.PAGE.read_text() == page.rendered(), f"render it again: python -m {page.__name__}"


def test_there_are_twenty_eight_points_about_streams():
    assert len(correctness.POINTS) == 28
