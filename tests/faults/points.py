"""Claims of the documentation, each with the tests that prove it, and how they are written out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXPLANATIONS = ROOT / "docs" / "explanation"


@dataclass(frozen=True)
class Point:
    """One point.

    Attributes:
        claim: what the gateway does.
        tests: ``file::name`` or ``file::Class::name``, relative to ``tests``.
        faults: rows of the fault table that prove it as well.
        missing: what is not built or not proven, honestly.
    """

    title: str
    claim: str
    tests: tuple[str, ...]
    faults: tuple[str, ...] = ()
    missing: str = ""


def listed(points: Sequence[Point]) -> str:
    """A numbered section for each point."""
    return "\n".join(line for number, point in enumerate(points, 1) for line in _section(number, point))


def _section(number: int, point: Point) -> Iterator[str]:
    yield f"## {number}. {point.title}"
    yield ""
    yield point.claim
    yield ""
    for test in point.tests:
        file, _, name = test.partition("::")
        yield f"- [`{name.replace('::', '.')}`](../../tests/{file})"
    if point.faults:
        yield f"- the fault wall: {'; '.join(point.faults)}"
    if point.missing:
        yield ""
        yield f"**Missing:** {point.missing}"
    yield ""
