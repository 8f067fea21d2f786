"""Numbers, instants and codes as people read them; templates use these as filters."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import msgspec

UNKNOWN = "–"  # noqa: RUF001  # a dash, not a minus
_SPANS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
VERDICTS = {"pass": "✓", "fail": "✕", "inconclusive": "◐", "no_data": "○"}
_RATES = ("error_rate", "timeout_rate", "truncation_rate", "refusal_rate")
_TIMES = ("latency", "ttft", "tpot")
_TITLES = {"ttft": "TTFT", "tpot": "Time per token", "tokens_per_second": "Tokens per second"}
_LARGE = 10.0  # times stable's value: an interval that wide says nothing yet


def number(value: float | None) -> str:
    """``12,345``, ``3.2``, ``0.045``."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"


def duration(seconds: float | None) -> str:
    """``850 ms``, ``1.24 s``, ``4 min 10 s``, ``2 d 3 h``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds else "0 s"
    if seconds < 60:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s" if seconds < 10 else f"{seconds:.0f} s"
    parts: list[str] = []
    rest = round(seconds)
    for unit, size in _SPANS:
        if rest >= size or parts:
            count, rest = divmod(rest, size)
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part)


def roughly(seconds: float | None) -> str:
    """The same without what nobody can know of a forecast: whole seconds."""
    return duration(seconds if seconds is None else max(1, round(seconds)))


def microseconds(value: int) -> str:
    """The same of integer microseconds; 0 and -1 are unknown."""
    if 0 < value < 1000:
        return f"{value} µs"
    return UNKNOWN if value <= 0 else duration(value / 1_000_000)


def percent(part: float | None) -> str:
    """``4.2 %`` of parts of one."""
    if part is None or not math.isfinite(part):
        return UNKNOWN
    value = part * 100
    if value and abs(value) < 0.1:
        return f"{value:.2f} %"
    return f"{value:.1f}".rstrip("0").rstrip(".") + " %"


def share(basis_points: int | None) -> str:
    """``5 %`` of basis points."""
    return UNKNOWN if basis_points is None else percent(basis_points / 10_000)


def dollars(amount: float | None) -> str:
    """``$1,204``, ``$3.20``, ``$0.0042``."""
    if amount is None or not math.isfinite(amount):
        return UNKNOWN
    if amount == 0 or abs(amount) >= 100:
        return f"${amount:,.0f}"
    if abs(amount) >= 0.1:
        return f"${amount:.2f}"
    places = min(9, 1 - math.floor(math.log10(abs(amount))))
    return f"${amount:.{places}f}"


def nano_dollars(nano: int) -> str:
    """The same of integer nano-USD; -1 is unknown."""
    return UNKNOWN if nano < 0 else dollars(nano / 1e9)


def size(count: int) -> str:
    """``512 B``, ``4.2 kB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def instant(at: datetime | None) -> str:
    """``2026-11-21 12:01:05 UTC``."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(at: datetime | None) -> str:
    """``12:01:05``."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%H:%M:%S}"


def started(microseconds_: int) -> datetime:
    """The instant of integer microseconds since the epoch."""
    return datetime.fromtimestamp(microseconds_ / 1_000_000, UTC)


def words(code: str | None) -> str:
    """``rolled back`` of ``rolled_back``."""
    return UNKNOWN if not code else code.replace("_", " ").replace(":", ": ")


def strategy_title(code: str) -> str:
    """``A/B test`` of ``ab_test``; others in words."""
    return words(code).replace("ab test", "A/B test")


def short(reference: str | None) -> str:
    """``v1.4.0`` of ``support-bot/v1.4.0-3fa9c1d2``; what is no reference stays as it is."""
    if not reference:
        return UNKNOWN
    name = reference.rpartition("/")[2]
    number_, dash, digest = name.rpartition("-")
    return number_ if dash and len(digest) == 8 else name


def measured(value: float | None, metric: str) -> str:
    """A value in its metric's unit."""
    if value is None:
        return UNKNOWN
    kind = metric.partition(".")[0]
    if kind in _RATES:
        return percent(value)
    if kind in _TIMES:
        return duration(value)
    return dollars(value) if kind.startswith("cost") else number(value)


def in_unit(value: float | None, unit: str) -> str:
    """A value in the unit that it was told with: ``72 %`` of a share, ``1.2 s``, ``$0.0042``, ``480 tokens``."""
    if value is None:
        return UNKNOWN
    shown = {"share": percent, "s": duration, "USD": dollars}.get(unit)
    return shown(value) if shown else f"{number(value)} {unit}"


def lift(effect: float | None, unit: str) -> str:
    """A difference in its unit: ``+0.8 points`` of a share, ``+12 %`` of everything else."""
    if effect is None or not math.isfinite(effect):
        return UNKNOWN
    return f"{_signed(effect)} {'points' if unit == 'share' else '%'}"


def lift_between(lower: float | None, upper: float | None, unit: str) -> str:
    """Both bounds of it; an open one is left out."""
    if lower is None or upper is None:
        known = (("at least", lower), ("at most", upper))
        return next((f"{word} {lift(bound, unit)}" for word, bound in known if bound is not None), "unbounded yet")
    return f"{_signed(lower)} to {lift(upper, unit)}"


def evidence(value: float) -> str:
    """An e-value or p-value: ``0.031``, ``24``, ``beyond 9,999``, ``below 0.0001``."""
    if value and value < 0.0001:
        return "below 0.0001"
    return "beyond 9,999" if value > 9_999 else number(value)


def change(effect: float | None, metric: str) -> str:
    """A difference: ``+0.8 points`` of a rate, ``+12 %`` of everything else; beyond tenfold it is only large."""
    if effect is None or not math.isfinite(effect):
        return UNKNOWN
    unit = "points" if metric.partition(".")[0] in _RATES else "%"
    return f"{_signed(effect)} {unit}"


def interval(lower: float | None, upper: float | None, metric: str) -> str:
    """Both bounds of a difference, such as ``+0.4 to +1.2 points``; one that is open, or a loss of everything, is left out."""
    if lower is not None and lower <= -1:
        lower = None
    if lower is None and upper is None:
        return ""
    if upper is None:
        return f"at least {change(lower, metric)}"
    if lower is None:
        return f"at most {change(upper, metric)}"
    return f"{_signed(lower)} to {change(upper, metric)}"


def _signed(effect: float) -> str:
    if abs(effect) > _LARGE:
        return "over +999" if effect > 0 else "under −999"  # noqa: RUF001  # a minus, as wide as the plus
    return f"{effect * 100:+.1f}".replace("-", "−")  # noqa: RUF001


def metric_title(metric: str) -> str:
    """``Error rate``, ``TTFT p95`` of ``ttft.p95``, ``Latency, mean`` of ``latency.mean``."""
    name, _, stat = metric.partition(".")
    title = _TITLES.get(name) or name.replace("_", " ").replace(":", ": ").capitalize()
    return f"{title}{', ' if stat == 'mean' else ' '}{stat}" if stat else title


def plain(value: Any) -> str:
    """A value on one line: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()


def pretty(value: Any) -> str:
    """A value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2).decode()


FILTERS = {
    each.__name__: each
    for each in (
        number, duration, roughly, microseconds, percent, share, dollars, nano_dollars, size, instant, clock, started,
        words, strategy_title, short, measured, in_unit, lift, lift_between, evidence, change, interval, metric_title, plain, pretty,
    )
}  # fmt: skip
