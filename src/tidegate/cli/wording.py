"""How quantities, instants, phases and verdicts are worded for people; a shape stands beside each colour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rich.text import Text

from tidegate.delivery.quantities import seconds
from tidegate.shapes.releases import Release

UNKNOWN = "-"
_SPANS = (("d", 86_400), ("h", 3_600), ("min", 60))
_VERDICTS = {
    "pass": ("✔", "green"),
    "fail": ("✖", "bold red"),
    "inconclusive": ("◐", "yellow"),
    "no_data": ("○", "dim"),
}
_PHASES = {
    "succeeded": ("✔", "green"),
    "draining": ("✔", "green"),
    "rolled_back": ("✖", "bold red"),
    "rolling_back": ("↩", "bold red"),
    "rejected": ("✖", "red"),
    "superseded": ("⇥", "dim"),
    "pending": ("○", "dim"),
}
_GOING = ("▶", "cyan")
_PAUSED = ("‖", "yellow")


def duration(value: float | None) -> str:
    """``850 ms``, ``12.3 s``, ``4 min 10 s``, ``2 h 5 min``; of seconds."""
    if value is None:
        return UNKNOWN
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s" if value < 10 and not float(value).is_integer() else f"{value:.0f} s"
    rest = round(value)
    for index, (unit, size) in enumerate(_SPANS):
        if rest >= size:
            count, rest = divmod(rest, size)
            smaller, part = _SPANS[index + 1] if index + 1 < len(_SPANS) else ("s", 1)
            return f"{count} {unit} {rest // part} {smaller}" if rest // part else f"{count} {unit}"
    return f"{rest} s"


def microseconds(value: int) -> str:
    """The same of integer microseconds; -1 and 0 are unknown."""
    return UNKNOWN if value <= 0 else duration(value / 1_000_000)


def parse_duration(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``5m``, ``1h30m``.

    Raises:
        InvalidInputError: another form.
    """
    plain = text.strip()
    return float(plain) if plain.replace(".", "", 1).isdecimal() else float(seconds(plain))


def parse_time(text: str | None, now: datetime) -> datetime | None:
    """The instant of ``24h`` (ago) or of ISO 8601 text; UTC where it says no offset.

    Raises:
        InvalidInputError: another form.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return now - timedelta(seconds=parse_duration(text))
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def parse_value(text: str) -> bool | float | str:
    """What somebody means by ``yes``, ``4.5`` or ``refund``: yes or no, a number, a category."""
    answer = {"yes": True, "true": True, "no": False, "false": False}.get(text.strip().lower())
    if answer is not None:
        return answer
    try:
        return float(text)
    except ValueError:
        return text.strip()


def instant(at: datetime) -> str:
    """``2026-11-21 12:01:05Z``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def moment(at: datetime | None, now: datetime) -> str:
    """Absolute and relative: ``2026-11-21 12:01:05Z, 3 min ago``."""
    if at is None:
        return UNKNOWN
    return f"{instant(at)}, {relative(at, now)}"


def relative(at: datetime, now: datetime) -> str:
    """``3 min 2 s ago`` or ``in 12 s``."""
    gap = (at - now).total_seconds()
    if abs(gap) < 1:
        return "now"
    return f"in {duration(round(gap))}" if gap > 0 else f"{duration(round(-gap))} ago"


def share(basis_points: int) -> str:
    """``5%``, ``0.25%`` of basis points."""
    return f"{basis_points / 100:.2f}".rstrip("0").rstrip(".") + "%"


def size(count: int) -> str:
    """``512 B``, ``4.2 kB``, ``13.0 GB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def dollars(nano: int) -> str:
    """USD of integer nano-USD; -1 is unknown."""
    return UNKNOWN if nano < 0 else f"${nano / 1e9:.6f}"


def count(value: int) -> str:
    """A number; -1 is unknown."""
    return UNKNOWN if value < 0 else str(value)


def verdict(word: str | None) -> Text:
    """``✔ pass``, ``✖ fail``, ``◐ inconclusive``, ``○ no data``."""
    if word is None:
        return Text(UNKNOWN, style="dim")
    shape, style = _VERDICTS.get(word, ("?", ""))
    return Text(f"{shape} {word.replace('_', ' ')}", style=style)


def phase(release: Release) -> Text:
    """``▶ promoting > soaking``, ``‖ progressing (paused: manual)``, ``✔ succeeded``."""
    is_paused = bool(release.pause_reasons) and release.is_running
    shape, style = _PAUSED if is_paused else _PHASES.get(release.phase, _GOING)
    words = f"{shape} {release.phase.replace('_', ' ')}"
    if release.sub_phase:
        words += f" > {release.sub_phase}"
    if is_paused:
        words += f" (paused: {', '.join(reason.replace('_', ' ') for reason in release.pause_reasons)})"
    return Text(words, style=style)


def plain(value: Any) -> str:
    """A JSON value on one line: text as it is, everything else as JSON."""
    import msgspec  # noqa: PLC0415 - rarely needed

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
