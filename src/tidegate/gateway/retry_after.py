"""How long to wait before an attempt is repeated: what the upstream asked for, and jitter of our own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_SECONDS = 5.0
FIRST_BACK_OFF_SECONDS = 0.1


def asked_wait(headers: Mapping[bytes, bytes], now: datetime) -> float | None:
    """Seconds that an answer asks to wait: ``retry-after-ms``, ``retry-after`` as seconds or as a date.

    ``None`` when it asks nothing or writes what nobody can read; never negative.
    """
    milliseconds = _number(headers.get(b"retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get(b"retry-after")
    if text is None:
        return None
    seconds = _number(text)
    return seconds if seconds is not None else _until(text, now)


def wait_before(retry: int, asked: float | None, chance: float) -> float:
    """Seconds before the ``retry``-th repetition (from 1).

    Full jitter (uniform between zero and an exponential bound) spreads clients that failed together; it
    comes on top of what the upstream asked, because earlier would be in vain.

    Args:
        retry: number of this repetition, from 1.
        asked: seconds the upstream asked for, or ``None``.
        chance: uniform in [0, 1).
    """
    bound: float = min(FIRST_BACK_OFF_SECONDS * 2**retry, LONGEST_WAIT_SECONDS)
    return (asked or 0.0) + chance * bound


def _number(text: bytes | None) -> float | None:
    """A plain non-negative decimal; ``1e9``, ``nan`` and signs are not what RFC 9110 allows."""
    if text is None:
        return None
    whole, _, fraction = text.strip().partition(b".")
    if not whole.isdigit() or len(whole) > 9 or (fraction and not fraction.isdigit()):
        return None
    return float(b"%b.%b" % (whole, fraction or b"0"))


def _until(text: bytes, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text.decode("ascii"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
