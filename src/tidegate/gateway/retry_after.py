"""How long to wait before an attempt is repeated: what the upstream asked for, and jitter of our own."""

from __future__ import annotations

LONGEST_WAIT_SECONDS = 5.0
FIRST_BACK_OFF_SECONDS = 0.1


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
