"""Writes ``docs/reference/stats.md`` from the docstrings: ``python -m tidegate.stats.reference > docs/reference/stats.md``."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from tidegate import stats

_INTRODUCTION = """\
# `tidegate.stats`

Written by `python -m tidegate.stats.reference > docs/reference/stats.md` from the docstrings.

Pure functions: numbers in, inference out; usable alone. What decides releases and when to use which method is told in
[How a release is judged](../explanation/statistics.md); [`examples/redo_a_decision.py`](../../examples/redo_a_decision.py)
redoes a decision from exported data. Evidence is the natural log of an e-value: act when it reaches `log(1/alpha)`, at
any look. `alpha` is the probability of a false alarm over *all* looks, except below *fixed horizon*.
"""
_PARTS = {
    "At every look": (
        "summaries",
        "distribution",
        "ratio",
        "arm_prediction",
        "bernoulli",
        "betting",
        "asymptotic",
        "comparison",
        "paired",
        "preference",
        "sample_ratio",
        "verdict",
        "mixture",
    ),
    "For one look: a fixed horizon": (
        "fixed_horizon.finding",
        "fixed_horizon.two_samples",
        "fixed_horizon.multiple",
        "fixed_horizon.group_sequential",
        "bradley_terry",
        "drift",
    ),
    "Allocations that learn": (
        "adaptive.posteriors",
        "adaptive.best_arm",
        "adaptive.thompson",
        "adaptive.track_and_stop",
        "adaptive.contrast",
        "adaptive.weighting",
    ),
    "Before the first unit": ("planning.sample_size", "planning.sequential_power"),
}
MODULES = tuple(f"{stats.__name__}.{name}" for names in _PARTS.values() for name in names)


def render() -> str:
    """The whole page."""
    lines = [_INTRODUCTION]
    for title, names in _PARTS.items():
        lines += [f"## {title}", ""]
        for name in names:
            lines += _section(import_module(f"{stats.__name__}.{name}"))
    return "\n".join(lines).rstrip("\n") + "\n"


def public_members(module: ModuleType) -> list[tuple[str, Any]]:
    """Public functions and classes that a module defines itself, in the order of its text."""
    found = [
        (name, member)
        for name, member in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or inspect.isclass(member))
        and member.__module__ == module.__name__
    ]
    return sorted(found, key=lambda pair: inspect.getsourcelines(pair[1])[1])


def _section(module: ModuleType) -> list[str]:
    lines = [f"### `{module.__name__}`", "", *_text(module), ""]
    for name, member in public_members(module):
        short = {there: public for public, (place, there) in stats.PUBLIC.items() if place == module.__name__}
        also = f" (also `tidegate.stats.{short[name]}`)" if name in short else ""
        lines += [f"#### `{name}{_signature(member)}`{also}", "", *_text(member), ""]
        if inspect.isclass(member):
            lines += _methods(member)
    return lines


def _methods(kind: type) -> list[str]:
    lines = []
    for name, member in vars(kind).items():
        called = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(called) or not called.__doc__:
            continue
        shown = f"`.{name}`" if isinstance(member, property) else f"`.{name}{_signature(called)}`"
        lines += [f"- {shown}: {' '.join(inspect.cleandoc(called.__doc__).replace('``', '`').split())}"]
    return [*lines, ""] if lines else []


def _signature(member: Any) -> str:
    if inspect.isclass(member):
        names = getattr(member, "_fields", None) or getattr(member, "__struct_fields__", None)
        return f"({', '.join(names)})" if names else ""
    return "(" + ", ".join(_parameter(each) for each in inspect.signature(member).parameters.values()) + ")"


def _parameter(each: inspect.Parameter) -> str:
    kind = str(each.annotation).replace("NDArray[np.float64]", "Floats")
    default = each.default
    value = "" if default is inspect.Parameter.empty else f" = {getattr(default, '__name__', repr(default))}"
    return f"{each.name}{f': {kind}' if each.annotation is not each.empty and each.name != 'self' else ''}{value}"


def _text(member: Any) -> list[str]:
    """The docstring; formulas stay as they stand, in a block of their own."""
    lines: list[str] = []
    is_list = False
    for line in inspect.cleandoc(member.__doc__ or "").splitlines():
        if line in {"Args:", "Returns:", "Raises:", "Attributes:"}:
            is_list = True
            lines += [f"*{line.rstrip(':')}*", ""]
        elif is_list and line.startswith("    "):
            lines.append(("- " if line[4] != " " else "  ") + line.strip())
        else:
            is_list = False
            lines.append(line)
    return [line.replace("``", "`") for line in lines]


if __name__ == "__main__":
    sys.stdout.write(render())
