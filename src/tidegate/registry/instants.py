"""Instants as the database keeps them: UTC ISO-8601 text with microseconds, which sorts as time does."""

from __future__ import annotations

from datetime import UTC, datetime

from tidegate.errors import InternalError


def to_text(at: datetime) -> str:
    """``2026-09-15T12:00:00.000000+00:00``.

    Raises:
        InternalError: ``at`` is naive.
    """
    if at.tzinfo is None:
        raise InternalError(f"{at} has no time zone; every instant is aware")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: str) -> datetime:
    """The aware instant that :func:`to_text` wrote."""
    return datetime.fromisoformat(text)


def from_optional(text: str | None) -> datetime | None:
    """:func:`from_text`, and ``None`` for what has not happened."""
    return None if text is None else from_text(text)
