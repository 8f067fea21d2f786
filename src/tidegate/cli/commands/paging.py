"""Reads lists page by page, as far as somebody wants to see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

_PAGE = 100


class Page(Protocol):
    """One page; ``next`` is the cursor of the following one."""

    @property
    def next(self) -> str | None:
        """The cursor, ``None`` at the end."""
        ...


AnyPage = TypeVar("AnyPage", bound=Page)
Item = TypeVar("Item")


def collect(
    fetch: Callable[[int, str | None], AnyPage],
    items: Callable[[AnyPage], Sequence[Item]],
    limit: int | None = None,
) -> list[Item]:
    """Every item up to ``limit``.

    Args:
        fetch: gives the page of a size after a cursor.
        items: those of a page.
        limit: ``None`` reads to the end.
    """
    found: list[Item] = []
    cursor: str | None = None
    while limit is None or len(found) < limit:
        page = fetch(_PAGE if limit is None else min(_PAGE, limit - len(found)), cursor)
        found += items(page)
        cursor = page.next
        if cursor is None:
            break
    return found
