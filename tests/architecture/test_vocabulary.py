"""Public names follow GLOSSARY.md: the words it warns of do not appear in classes, functions and modules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "tidegate"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)

EMPTY_MODULE_NAMES = {"utils", "helpers", "common", "base", "core", "types", "manager", "misc"}
EMPTY_CLASS_WORDS = re.compile(r"(Manager|Handler|Helper|Processor|Util|Base|Impl|Data|Info)$")
BANNED_WORDS = {"champion", "challenger", "rollout", "cohort", "bucket_name", "grader", "blackbox"}
# `Handler` is the field's word for what a server calls, and an alias rather than a class.


def public_names(path: Path) -> list[tuple[str, int]]:
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(path.read_text()))
    return [(node.name, node.lineno) for node in nodes if isinstance(node, definitions) and node.name[0] != "_"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_names_say_what_things_are(path):
    assert path.stem not in EMPTY_MODULE_NAMES
    for name, line in public_names(path):
        where = f"{path.relative_to(SOURCE)}:{line} {name}"
        assert not EMPTY_CLASS_WORDS.search(name), where
        words = set(re.findall(r"[a-z]+", re.sub(r"([A-Z])", r" \1", name).lower()))
        assert not words & BANNED_WORDS, where


def test_every_package_is_on_the_map():
    text = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text()
    packages = [path.parent.name for path in SOURCE.glob("*/__init__.py")]
    assert [name for name in packages if f"`{name}/`" not in text] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 400
