"""How instants, durations and shares are worded in reports."""

from __future__ import annotations

from datetime import UTC, datetime

_SPANS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def instant(at: datetime | None) -> str:
    """``2026-11-21 12:01:05 UTC``; a dash for none."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def exact(at: datetime) -> str:
    """The same with milliseconds."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"


def duration(seconds: float | None) -> str:
    """``37 ms``, ``8.5 s``, ``4 min 10 s``, ``2 h``; a dash for none."""
    if seconds is None:
        return "-"
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    rest, parts = round(seconds), []
    for unit, size in _SPANS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def share(basis_points: int) -> str:
    """``25 %`` of basis points."""
    return f"{basis_points / 100:g} %"


def words(code: str) -> str:
    """``rolled back`` for ``rolled_back``."""
    return code.replace("_", " ")


def cell(text: str) -> str:
    """Text that may stand in a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
