"""Identifiers that sort by the time they were made: ``rel_1jvgh546m00y3trn8q4k``."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_TIME_CHARACTERS = 11  # 55 bits of microseconds since the epoch: until the year 3111
_RANDOM_CHARACTERS = 9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(prefix: str, now: datetime) -> str:
    """``prefix_`` and 20 characters: microseconds of ``now``, then 45 random bits."""
    microseconds = (now - _EPOCH) // timedelta(microseconds=1)
    stamp = "".join(_ALPHABET[(microseconds >> shift) & 31] for shift in range(5 * (_TIME_CHARACTERS - 1), -1, -5))
    return f"{prefix}_{stamp}{''.join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))}"


def id_instant(identifier: str) -> datetime:
    """The instant that :func:`new_id` put into an identifier."""
    stamp = identifier.rpartition("_")[2][:_TIME_CHARACTERS]
    microseconds = 0
    for character in stamp:
        microseconds = microseconds << 5 | _ALPHABET.index(character)
    return _EPOCH + timedelta(microseconds=microseconds)
