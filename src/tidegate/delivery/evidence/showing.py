"""How values, effects and margins read in sentences."""

from __future__ import annotations

import math
from decimal import Decimal

from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.asymptotic import Effect


def show_margin(guardrail: GuardrailSpec) -> str:
    """``max_increase 2%``: the guardrail's own words."""
    names = ("max_increase", "max_decrease", "max_change")
    given = [f"{name} {getattr(guardrail, name) * 100:g}%" for name in names if getattr(guardrail, name) is not None]
    if guardrail.max_ratio is not None:
        given.append(f"max_ratio {guardrail.max_ratio:g}")
    return " and ".join(given)


def show_in_unit(value: float, unit: str) -> str:
    """``8 %`` of a share, ``250 ms`` or ``2.5 s``, ``0.0000887 USD``."""
    if unit == "share":
        return f"{show_digits(value * 100)} %"
    if unit == "s" and 0 < abs(value) < 1:
        return f"{show_digits(value * 1000)} ms"
    return f"{show_digits(value)} {unit}".rstrip()


def show_digits(value: float, sign: str = "") -> str:
    """Three significant digits, written out: nobody reads ``8.87e-05``."""
    return f"{Decimal(f'{value:.3g}'):{sign}f}"


def show_change(value: float, is_rate: bool) -> str:
    """``+2 points`` of a rate, ``+15 %`` of everything else."""
    if not math.isfinite(value):
        return "beyond measure"
    return f"{show_digits(value * 100, '+')} {'points' if is_rate else '%'}"


def show_interval(effect: Effect, is_rate: bool) -> str:
    """Both bounds of an effect; a relative change that may be a loss of everything has no lower one."""
    has_lower = math.isfinite(effect.lower) and (is_rate or effect.lower > -1)
    if not (has_lower or math.isfinite(effect.upper)):
        return "unbounded yet"
    if not math.isfinite(effect.upper):
        return f"at least {show_change(effect.lower, is_rate)}, without an upper bound yet"
    if not has_lower:
        return f"at most {show_change(effect.upper, is_rate)}, without a lower bound yet"
    return f"between {show_change(effect.lower, is_rate)} and {show_change(effect.upper, is_rate)}"
