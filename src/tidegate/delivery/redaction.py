"""Replaces personal data in text: mail addresses, payment cards (Luhn), bank accounts (IBAN, mod 97), phone numbers.

A pattern only finds candidates; a checksum or the way it is written decides, so that an order number stays what
it is. Repetition is bounded and never nested, so time grows with the length of the text and not faster.
Names, addresses and what people say in their own words stay: this lowers the risk of kept text, it does not make
it anonymous.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_DIGITS = re.compile(r"(?<!\d)\d{3,19}(?:[ -]\d{3,19}){0,8}(?!\d)")
_PHONE = re.compile(r"(?<![\w+(])(?:\+|\(?0|\(\d)[\d][\d ()./-]{5,20}\d(?!\w)|(?<!\w)\d{3}[ .-]\d{3}[ .-]\d{4}(?!\w)")
_MOST_GROUPS = 5  # of a card's digits
_SHORTEST_PHONE, _LONGEST_PHONE = 7, 15  # digits; ITU-T E.164 allows 15


def redact(text: str) -> str:
    """``text`` with ``[email]``, ``[iban]``, ``[card]`` and ``[phone]`` in place of those."""
    for pattern, replace in _RULES:
        text = pattern.sub(replace, text)
    return text


def is_card(text: str) -> bool:
    """Whether the digits of ``text`` are a payment card's number: 13 to 19 of them, Luhn's sum (ISO/IEC 7812)."""
    digits = [int(each) for each in _digits(text)]
    if not (13 <= len(digits) <= 19 and any(digits)):
        return False
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (doubled + sum(digits[-1::-2])) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether ``text`` is an international bank account number: its country's length, mod 97 is 1 (ISO 13616)."""
    compact = re.sub(r"[ -]", "", text).upper()
    if len(compact) != _IBAN_LENGTHS.get(compact[:2]) or not compact.isalnum() or not compact.isascii():
        return False
    return int("".join(str(int(each, 36)) for each in compact[4:] + compact[:4])) % 97 == 1


def _account(match: re.Match[str]) -> str:
    """The account within the match, which may have swallowed the words behind it."""
    found, length = match[0], _IBAN_LENGTHS.get(match[0][:2].upper(), 0)
    end = next((end for end, count in _counted(found) if count == length), 0)
    return f"[iban]{found[end:]}" if end and is_iban(found[:end]) else found


def _counted(text: str) -> list[tuple[int, int]]:
    """Each end of ``text`` and the number of letters and digits before it."""
    ends, count = [], 0
    for position, each in enumerate(text, 1):
        count += each.isalnum()
        ends.append((position, count))
    return ends


def _cards(match: re.Match[str]) -> str:
    """The groups of digits with ``[card]`` in place of those that make one."""
    text, done = match[0], 0
    written: list[str] = []
    while (found := _first_card(text, done)) is not None:
        written += [text[done : found[0]], "[card]"]
        done = found[1]
    return "".join(written) + text[done:]


def _first_card(text: str, after: int) -> tuple[int, int] | None:
    groups = list(re.compile(r"\d+").finditer(text, after))
    for first, begin in enumerate(groups):
        for end in groups[first : first + _MOST_GROUPS]:
            if is_card(text[begin.start() : end.end()]):
                return begin.start(), end.end()
    return None


def _phone(match: re.Match[str]) -> str:
    return "[phone]" if _SHORTEST_PHONE <= len(_digits(match[0])) <= _LONGEST_PHONE else match[0]


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isascii() and each.isdigit())


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_MAIL, lambda _: "[email]"),
    (_ACCOUNT, _account),
    (_DIGITS, _cards),
    (_PHONE, _phone),
)

_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
    }.items()
    for country in countries.split()
}
