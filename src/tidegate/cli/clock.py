"""The wall clock of commands, in one place."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware UTC."""
    return datetime.now(UTC)
