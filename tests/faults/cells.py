"""The fault wall: every row in every setting, over the requests and dialects that can have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.faults.endings import SETTINGS, Answered, Row, Setting
from tests.faults.fault_table import ROWS


class Cell(NamedTuple):
    """One place of the wall."""

    row: Row
    setting: Setting
    kind: str  # of the client's request
    dialect: str  # of the upstream

    @property
    def id(self) -> str:
        """Unique, and fit to be the name of a test and of a service."""
        form = "streamed" if self.row.is_streamed else "whole"
        name = "".join(letter if letter.isalnum() else "-" for letter in self.row.fault.lower()).replace("--", "-")
        return f"{name}.{form}.{self.setting}.{self.kind}-{self.dialect}"


EVERYWHERE = (("chat", "openai"), ("messages", "anthropic"))
WIDE = (("chat", "anthropic"), ("messages", "openai"), ("responses", "openai"), ("completions", "openai"))
WIDE_WHOLE = (("embeddings", "openai"), ("count_tokens", "anthropic"))


def cells() -> Iterator[Cell]:
    """The whole wall."""
    for row in ROWS:
        for setting in SETTINGS:
            for kind, dialect in _places(row):
                if dialect in row.dialects:
                    yield Cell(row, setting, kind, dialect)


def _places(row: Row) -> tuple[tuple[str, str], ...]:
    """Kinds of requests, and upstreams' dialects, in which a row is asked."""
    if not row.is_wide:
        return EVERYWHERE
    is_of_any_answer = not row.is_streamed and not isinstance(row.ending, Answered)
    return EVERYWHERE + WIDE + (WIDE_WHOLE if is_of_any_answer else ())


CELLS: tuple[Cell, ...] = tuple(cells())
