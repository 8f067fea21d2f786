"""Durations, shares, money and comparisons as people write them in files: ``30s``, ``5%``, ``20 USD``, ``"> 2500ms"``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Self

from tidegate.errors import InvalidInputError

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_MONEY = re.compile(r"(\d+(?:\.\d+)?)\s*(?:USD)?")  # as files say it, and as it is stored
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPARISON = re.compile(r"(<=|>=|<|>)\s*(.+)")
_RULE = re.compile(
    r"(?:candidate|value)\s*(?P<operator><=|>=|<|>)\s*"
    r"(?:stable(?:\s*\*\s*(?P<factor>\d+(?:\.\d+)?))?(?:\s*\+\s*(?P<offset>\S.*))?|(?P<limit>\d.*))"
)
_REPEATS = re.compile(r"(\d{1,3})\s+of\s+(\d{1,3})")
_MOST_REPEATS = 100


class Seconds(float):
    """A duration in seconds; ``30s``, ``1h30m`` and ``250ms`` in files, a number on the wire."""


class Share(float):
    """A part of one; ``5%`` in files, 0.05 on the wire."""


class Dollars(Decimal):
    """US dollars; ``20 USD`` in files."""


class Comparison(str):
    """``> 5%``: checked when made, and the same text on the wire.

    Attributes:
        operator: one of ``< <= > >=``.
        value: durations in seconds, shares as parts of one, money in dollars.

    Raises:
        InvalidInputError: no operator, or a value of no known form.
    """

    __slots__ = ("operator", "value")
    operator: str
    value: float

    def __new__(cls, text: str) -> Self:
        """Parse and keep ``text``."""
        match = _COMPARISON.fullmatch(text.strip())
        if match is None:
            raise InvalidInputError(f"{text!r} is not a comparison", remedy='write it quoted, such as "> 5%"')
        made = super().__new__(cls, text.strip())
        made.operator = match[1]
        made.value = _amount(match[2].strip())
        return made

    def holds(self, value: float) -> bool:
        """Whether ``value <operator> self.value``."""
        return _OPERATORS[self.operator](value, self.value)


class Change(float):
    """A part of one that may exceed it; ``15%`` and ``150%`` in files, 0.15 and 1.5 on the wire."""


class Rule(str):
    """``candidate > stable * 1.5`` or ``value > 95``: checked when made, and the same text on the wire.

    Attributes:
        operator: one of ``< <= > >=``.
        factor: of stable's value, ``None`` when only a number is compared with.
        offset: added to that.

    Raises:
        InvalidInputError: another form.
    """

    __slots__ = ("factor", "offset", "operator")
    operator: str
    factor: float | None
    offset: float

    def __new__(cls, text: str) -> Self:
        """Parse and keep ``text``."""
        match = _RULE.fullmatch(text.strip())
        if match is None:
            remedy = 'write it quoted, such as "candidate > stable * 1.5" or "candidate > 2500ms"'
            raise InvalidInputError(f"{text!r} is not a rule", remedy=remedy)
        made = super().__new__(cls, text.strip())
        made.operator = match["operator"]
        made.factor = None if match["limit"] else float(match["factor"] or 1)
        made.offset = _amount((match["limit"] or match["offset"] or "0").strip())
        return made

    def holds(self, candidate: float, stable: float | None) -> bool:
        """Whether the rule's words are true; with ``stable`` unknown only of a rule that does not name it."""
        if self.factor is None:
            return _OPERATORS[self.operator](candidate, self.offset)
        return stable is not None and _OPERATORS[self.operator](candidate, self.factor * stable + self.offset)


class Repeats(str):
    """``2 of 3``: how often among how many.

    Attributes:
        least: how often.
        among: the latest so many.

    Raises:
        InvalidInputError: another form, or more often than there are.
    """

    __slots__ = ("among", "least")
    least: int
    among: int

    def __new__(cls, text: str) -> Self:
        """Parse and keep ``text``."""
        match = _REPEATS.fullmatch(text.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]) <= _MOST_REPEATS:
            raise InvalidInputError(f"{text!r} is not a count of breaches", remedy='write it quoted, such as "2 of 3"')
        made = super().__new__(cls, text.strip())
        made.least, made.among = int(match[1]), int(match[2])
        return made


def change(text: object) -> Change:
    """Parse ``15%`` or a part of one such as ``0.15``.

    Raises:
        InvalidInputError: another form, or negative.
    """
    if isinstance(text, str) and (match := _SHARE.fullmatch(text.strip())):
        return Change(float(match[1]) / 100)
    if isinstance(text, int | float) and not isinstance(text, bool) and text >= 0:
        return Change(text)
    raise InvalidInputError(f"{text!r} is not a change", remedy="write 15% or 0.15")


def seconds(text: object) -> Seconds:
    """Parse ``30s``, ``5m``, ``1h30m``, ``250ms``; a plain number is seconds.

    Raises:
        InvalidInputError: another form, or negative.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        if text < 0:
            raise InvalidInputError(f"a duration cannot be negative, and {text} is")
        return Seconds(text)
    if not isinstance(text, str) or not _DURATION.fullmatch(text.replace(" ", "")):
        raise InvalidInputError(f"{text!r} is not a duration", remedy="write 250ms, 30s, 5m, 2h or 1d")
    parts = _DURATION_PART.findall(text)
    return Seconds(sum(float(amount) * _UNIT_SECONDS[unit] for amount, unit in parts))


def share(text: object) -> Share:
    """Parse ``5%`` or a part of one such as ``0.05``.

    Raises:
        InvalidInputError: another form, or outside 0 … 100 %.
    """
    if isinstance(text, str) and (match := _SHARE.fullmatch(text.strip())):
        value = float(match[1]) / 100
    elif isinstance(text, int | float) and not isinstance(text, bool):
        value = float(text)
    else:
        raise InvalidInputError(f"{text!r} is not a share", remedy="write 5% or 0.05")
    if not 0 <= value <= 1:
        raise InvalidInputError(f"a share lies between 0% and 100%, and {text!r} does not")
    return Share(value)


def dollars(text: object) -> Dollars:
    """Parse ``20 USD`` or a plain number of dollars.

    Raises:
        InvalidInputError: another form.
    """
    if isinstance(text, str) and (match := _MONEY.fullmatch(text.strip())):
        return Dollars(match[1])
    if isinstance(text, int | float) and not isinstance(text, bool) and text >= 0:
        return Dollars(str(text))
    raise InvalidInputError(f"{text!r} is not an amount of money", remedy="write 20 USD")


def _amount(text: str) -> float:
    if match := _SHARE.fullmatch(text):
        return float(match[1]) / 100
    if _DURATION.fullmatch(text):
        return float(seconds(text))
    if match := _MONEY.fullmatch(text):
        return float(match[1])
    try:
        return float(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} is not a number, share, duration or amount of money") from None


_PARSERS: dict[type, Callable[[Any], Any]] = {
    Seconds: seconds,
    Share: share,
    Change: change,
    Dollars: dollars,
    Comparison: Comparison,
    Rule: Rule,
    Repeats: Repeats,
}


def decode_quantity(kind: type, value: Any) -> Any:
    """``dec_hook`` of msgspec for the types of this module.

    Raises:
        NotImplementedError: ``kind`` is none of them.
    """
    try:
        parser = _PARSERS[kind]
    except KeyError:
        raise NotImplementedError(f"no quantity of type {kind!r}") from None
    try:
        return parser(value)
    except InvalidInputError as error:
        raise ValueError(str(error)) from error  # msgspec adds the path to ValueError


def encode_quantity(value: Any) -> Any:
    """``enc_hook`` of msgspec for the types of this module."""
    if isinstance(value, Dollars):
        return f"{value} USD"
    if isinstance(value, Comparison | Rule | Repeats):
        return str(value)
    if isinstance(value, float):
        return float(value)
    raise NotImplementedError(f"no quantity in {type(value)!r}")
