"""Every point about streams is proven by tests that exist."""

from __future__ import annotations

import ast
from functools import cache

import pytest
from tests.faults.correctness import PAGE, POINTS, ROOT, Point, rendered
from tests.faults.fault_table import ROWS


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


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.title)
def test_what_is_said_to_prove_a_point_exists(point: Point):
    assert point.tests
    for test in point.tests:
        file, _, name = test.partition("::")
        assert name in names_in(file), test
    assert set(point.faults) <= {row.fault for row in ROWS}


def test_the_page_is_current():
    assert PAGE.read_text() == rendered(), "render it again: python -m tests.faults.correctness"


def test_there_are_twenty_eight_points():
    assert len(POINTS) == 28
