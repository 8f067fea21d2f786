"""A unified diff as two columns, as people review."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple


class Row(NamedTuple):
    """One line on each side; ``None`` where there is none. ``kind`` is ``same``, ``changed`` or ``gap``."""

    before: str | None
    after: str | None
    kind: str


def side_by_side(lines: Sequence[str]) -> list[Row]:
    """Rows of a unified diff; removed lines stand beside those that were added in their place."""
    return list(_rows(lines))


def _rows(lines: Sequence[str]) -> Iterator[Row]:
    removed: list[str] = []
    added: list[str] = []
    hunks = 0
    for line in lines:
        if line.startswith(("--- ", "+++ ")) and not hunks:
            continue
        if line.startswith("-"):
            removed.append(line[1:])
        elif line.startswith("+"):
            added.append(line[1:])
        else:
            yield from _changed(removed, added)
            removed, added = [], []
            if line.startswith("@@"):
                hunks += 1
                if hunks > 1:
                    yield Row(None, None, "gap")
            else:
                yield Row(line[1:], line[1:], "same")
    yield from _changed(removed, added)


def _changed(removed: Sequence[str], added: Sequence[str]) -> Iterator[Row]:
    for before, after in zip_longest(removed, added):
        yield Row(before, after, "changed")
